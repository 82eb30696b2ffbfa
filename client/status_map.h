/* status_map: the status page as a reader has it: mapped read-only from a file that may be anything. Knows no
 * token and no daemon. One thread at a time; the mapping itself is shared by all processes. */
#pragma once

#include "client/status_page.h"

struct status_map;

/* Maps DIRECTORY/status. The view may be used until status_map_renew or status_map_close. 0; -ENOENT and what
 * open(2) says; -EBADMSG: not a status page (no regular file, too short for what its header says, or a
 * header that is not one of ours); -EPROTONOSUPPORT: a status page of another version; -ENOMEM.
 *
 * No byte is touched that the file did not have when it was mapped, so that a file which only grows, as
 * this one does, cannot raise SIGBUS. */
int status_map_open(const char *directory, struct status_map **ret);
void status_map_close(struct status_map **map);

/* The mapped page: its header is live, its size is what was mapped. */
const struct status_view *status_map_view(const struct status_map *map);

/* The generation that the header had before the page was mapped. Another one now: map anew. */
uint64_t status_map_generation(const struct status_map *map);

/* Maps the file that is there now, for one that has grown, was mended or was replaced. As status_map_open;
 * on failure the old mapping stays. */
int status_map_renew(struct status_map *map);

/* config_files: which configuration files count, and in which order. Looks at names only: knows nothing of
 * what stands in the files. For the daemon, which reads them, and for the command, which shows them. */
#pragma once

#include <stddef.h>

#define CONFIG_VENDOR_DIR "/usr/lib/sessjwt"
#define CONFIG_ETC_DIR    "/etc/sessjwt"
#define CONFIG_FILES_MAX  256

struct config_files {
        char **paths; /* the main file first, then the drop-ins by name, whatever folder they are in */
        size_t n;
};

/* sessjwtd.conf and sessjwtd.conf.d/ *.conf of both folders. A file in etc_dir replaces the vendor's of
 * the same name, and hides it altogether if it is a link to /dev/null. Folders and files that do not exist
 * are no error; anything else with a fitting name is listed, so that whoever reads it can say what is
 * wrong with it. 0 with a list to be given to config_files_done; -E2BIG (more than CONFIG_FILES_MAX),
 * -ENOMEM, -ENAMETOOLONG, what opendir(3) says. */
int config_files_list(const char *vendor_dir, const char *etc_dir, struct config_files *ret);

void config_files_done(struct config_files *files);

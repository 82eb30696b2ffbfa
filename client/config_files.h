/* config_files: which configuration files count, and in which order. Looks at names only: knows nothing of
 * what stands in the files. For the daemon, which reads them, and for the command, which shows them. */
#pragma once

#include <stddef.h>

#define CONFIG_FILES_MAX 256

struct config_files {
        char **paths; /* the main file first, then the drop-ins by name, whatever folder they are in */
        size_t n;
};

/* mains[]: where the main file may be, best place first, ended by NULL. The first of them that exists is
 * the main file; the drop-ins are MAIN.d/ *.conf of all of them, and of those with one name the best
 * place's counts. A link to /dev/null counts as no file, and so hides the file of its name in the places
 * behind it. Files and folders that do not exist are no error; whatever else bears a fitting name is
 * listed, even a link to nowhere, so that its reader can say what is wrong with it. 0 with a list to be
 * given to config_files_done; -E2BIG: more than CONFIG_FILES_MAX; -ENOMEM; or a place cannot be looked
 * into (-EACCES, -ENOTDIR, -ENAMETOOLONG, …). */
int config_files_list(const char *const *mains, struct config_files *ret);

void config_files_done(struct config_files *files);

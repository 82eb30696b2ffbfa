/* cleanup: ownership at the declaration. A variable marked _cleanup_(f) is given to f (by address) when it
 * goes out of scope; TAKE moves it out first. */
#pragma once

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

/* Moves a pointer out of a variable, which becomes NULL. */
#define TAKE(p)                                                                                              \
        ({                                                                                                   \
                __typeof__(p) *p_ = &(p);                                                                    \
                __typeof__(p) taken_ = *p_;                                                                  \
                *p_ = NULL;                                                                                  \
                taken_;                                                                                      \
        })

/* Moves a descriptor out of a variable, which becomes -1. */
#define TAKE_FD(fd)                                                                                          \
        ({                                                                                                   \
                int *fd_ = &(fd);                                                                            \
                int taken_ = *fd_;                                                                           \
                *fd_ = -1;                                                                                   \
                taken_;                                                                                      \
        })

static inline void cleanup_free(void *p) {
        free(*(void **) p);
}

static inline void cleanup_close(int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static inline void cleanup_dir(DIR **dir) {
        if (*dir)
                closedir(*dir);
}

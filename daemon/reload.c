/* reload: see reload.h. */
#include "daemon/reload.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/cleanup.h"

struct reload {
        const char *file;
        int fd;
        bool goes_on; /* the thread exists; the three below are its own until it is joined */
        pthread_t thread;
        struct config *config;
        int result;
        char error[CONFIG_ERROR_MAX];
};

int reload_new(const char *file, struct reload **ret) {
        struct reload *reload = calloc(1, sizeof(*reload));

        if (!reload)
                return -ENOMEM;
        reload->file = file;
        reload->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (reload->fd < 0) {
                int r = -errno;

                free(reload);
                return r;
        }
        *ret = reload;
        return 0;
}

void reload_free(struct reload **reload) {
        if (!*reload)
                return;
        if ((*reload)->goes_on)
                pthread_join((*reload)->thread, NULL);
        config_unref(&(*reload)->config);
        close((*reload)->fd);
        free(*reload);
        *reload = NULL;
}

int reload_fd(const struct reload *reload) {
        return reload->fd;
}

static void *reload_thread(void *userdata) {
        struct reload *reload = userdata;

        reload->result = config_load(reload->file, &reload->config, reload->error);
        (void) eventfd_write(reload->fd, 1);
        return NULL;
}

int reload_start(struct reload *reload) {
        int r;

        if (reload->goes_on)
                return -EALREADY;
        r = pthread_create(&reload->thread, NULL, reload_thread, reload);
        if (r)
                return -r;
        reload->goes_on = true;
        return 0;
}

int reload_take(struct reload *reload, struct config **ret, char error[static CONFIG_ERROR_MAX]) {
        eventfd_t ignored;

        (void) eventfd_read(reload->fd, &ignored);
        pthread_join(reload->thread, NULL);
        reload->goes_on = false;
        if (reload->result < 0) {
                snprintf(error, CONFIG_ERROR_MAX, "%s", reload->error);
                return reload->result;
        }
        *ret = TAKE(reload->config);
        return 0;
}

#include "daemon/list_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/publish.h"

struct list_file {
        const char *runtime_dir;
        int fd;
        bool goes_on; /* the thread exists; what is below is its own until it is joined */
        pthread_t thread;
        struct keyring *keyring;
        struct list_token_facts facts;
        char uri[STATUS_URI_MAX + 1];
        char *token;
        int result;
};

int list_file_new(const char *runtime_dir, struct list_file **ret) {
        _cleanup_(cleanup_free) struct list_file *file = calloc(1, sizeof(*file));

        if (!file)
                return -ENOMEM;
        file->runtime_dir = runtime_dir;
        file->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (file->fd < 0)
                return -errno;
        *ret = TAKE(file);
        return 0;
}

static void join(struct list_file *file) {
        eventfd_t ignored;

        if (!file->goes_on)
                return;
        pthread_join(file->thread, NULL);
        (void) eventfd_read(file->fd, &ignored);
        keyring_free(&file->keyring);
        file->goes_on = false;
}

void list_file_free(struct list_file **file) {
        if (!*file)
                return;
        join(*file);
        free((*file)->token);
        close((*file)->fd);
        free(*file);
        *file = NULL;
}

int list_file_fd(const struct list_file *file) {
        return file->fd;
}

static int write_file(struct list_file *file) {
        _cleanup_(cleanup_close) int dir = publish_open(file->runtime_dir);
        _cleanup_(cleanup_free) char *token = NULL;
        size_t length;
        int r;

        if (dir < 0)
                return dir;
        r = list_token_mint(file->keyring, &file->facts, &token, &length);
        if (r == 0)
                r = publish_file(dir, SESSJWT_STATUS_LIST_NAME, token, length);
        if (r < 0)
                return r;
        file->token = TAKE(token);
        return 0;
}

static void *file_thread(void *userdata) {
        struct list_file *file = userdata;

        file->result = write_file(file);
        (void) eventfd_write(file->fd, 1);
        return NULL;
}

int list_file_start(struct list_file *file, struct keyring *keyring, const struct list_token_facts *facts) {
        int r;

        if (file->goes_on)
                return -EALREADY;
        file->facts = *facts;
        snprintf(file->uri, sizeof(file->uri), "%s", facts->uri);
        file->facts.uri = file->uri;
        file->keyring = keyring_ref(keyring);
        r = pthread_create(&file->thread, NULL, file_thread, file);
        if (r) {
                keyring_free(&file->keyring);
                return -r;
        }
        file->goes_on = true;
        return 0;
}

int list_file_take(struct list_file *file, char **ret) {
        join(file);
        if (file->result < 0)
                return file->result;
        *ret = TAKE(file->token);
        return 0;
}

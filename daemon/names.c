/* names: see names.h. One mutex guards the two queues between the loop and the thread; the table is the
 * loop's alone. */
#include "daemon/names.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "client/cleanup.h"
#include "daemon/hook.h"

#define PASSWD_BUFFER_MAX ((size_t) 1024 * 1024)

struct entry {
        char user[USER_MAX + 1];
        bool is_known;     /* name is what NSS said, at known_at */
        bool is_asked_for; /* the thread has it, since asked_at */
        usec_t known_at;   /* boot */
        usec_t asked_at;   /* awake */
        struct name name;  /* owns its groups */
};

/* A question on its way to the thread, an answer on its way back. */
struct job {
        char user[USER_MAX + 1];
        struct name name;
        struct job *next;
};

struct names {
        struct entry entries[NAMES_MAX];
        size_t n_entries;

        int fd;
        pthread_t thread;
        pthread_mutex_t mutex; /* of all below */
        pthread_cond_t asked, ended;
        struct job *questions, **questions_tail;
        struct job *answers;
        bool is_stopping, has_ended;
};

/* ---- the thread --------------------------------------------------------------------------------------- */

static int read_groups(const char *user, gid_t gid, struct name *name) {
        _cleanup_(cleanup_free) gid_t *groups = calloc(GROUPS_MAX, sizeof(*groups));
        _cleanup_(cleanup_free) uint32_t *kept = NULL;
        int n = GROUPS_MAX;

        if (!groups)
                return -ENOMEM;
        if (getgrouplist(user, gid, groups, &n) < 0)
                return -E2BIG;
        kept = calloc((size_t) n + 1, sizeof(*kept));
        if (!kept)
                return -ENOMEM;
        for (int i = 0; i < n; i++)
                kept[i] = groups[i];
        name->n_groups = (size_t) n;
        name->groups = TAKE(kept);
        return 0;
}

/* getpwnam_r answers 0 without a result when NSS knows that there is no such user, an error when it could
 * not find out (getpwnam(3)). */
static enum names_state find_passwd(const char *user, uid_t *ret_uid, gid_t *ret_gid) {
        _cleanup_(cleanup_free) char *buffer = NULL;
        struct passwd passwd, *result = NULL;
        size_t size = 4096;
        int r;

        do {
                char *larger = realloc(buffer, size);

                if (!larger)
                        return NAMES_UNAVAILABLE;
                buffer = larger;
                r = getpwnam_r(user, &passwd, buffer, size, &result);
                size *= 2;
        } while (r == ERANGE && size <= PASSWD_BUFFER_MAX);
        if (r)
                return NAMES_UNAVAILABLE;
        if (!result)
                return NAMES_GONE;
        *ret_uid = passwd.pw_uid;
        *ret_gid = passwd.pw_gid;
        return NAMES_FOUND;
}

/* Whether the first source of names is not there, or can be read. */
static bool can_look(void) {
        _cleanup_(cleanup_close) int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

        return fd >= 0 || errno == ENOENT;
}

/* With two sources ("files systemd"), the second one's "no such user" hides that the first could not be read,
 * for want of a descriptor, say; and it would end a session. So it is believed when the first can be read and
 * it is said once more. */
static enum names_state find_surely(const char *user, uid_t *ret_uid, gid_t *ret_gid) {
        enum names_state state = find_passwd(user, ret_uid, ret_gid);

        if (state != NAMES_GONE)
                return state;
        return can_look() ? find_passwd(user, ret_uid, ret_gid) : NAMES_UNAVAILABLE;
}

static void look_up(const char *user, struct name *name) {
        uid_t uid = 0;
        gid_t gid = 0;

        name->state = find_surely(user, &uid, &gid);
        if (name->state != NAMES_FOUND)
                return;
        name->uid = uid;
        if (read_groups(user, gid, name) < 0)
                name->state = NAMES_UNAVAILABLE;
}

static void *names_thread(void *userdata) {
        struct names *names = userdata;

        pthread_mutex_lock(&names->mutex);
        for (;;) {
                struct job *job;

                while (!names->questions && !names->is_stopping)
                        pthread_cond_wait(&names->asked, &names->mutex);
                if (names->is_stopping)
                        break;
                job = names->questions;
                names->questions = job->next;
                if (!names->questions)
                        names->questions_tail = &names->questions;
                pthread_mutex_unlock(&names->mutex);

                HOOK("name-asked");
                look_up(job->user, &job->name);

                pthread_mutex_lock(&names->mutex);
                job->next = names->answers;
                names->answers = job;
                (void) eventfd_write(names->fd, 1);
        }
        names->has_ended = true;
        pthread_cond_signal(&names->ended);
        pthread_mutex_unlock(&names->mutex);
        return NULL;
}

/* ---- life --------------------------------------------------------------------------------------------- */

int names_new(struct names **ret) {
        struct names *names = calloc(1, sizeof(*names));
        int r;

        if (!names)
                return -ENOMEM;
        names->questions_tail = &names->questions;
        pthread_mutex_init(&names->mutex, NULL);
        pthread_cond_init(&names->asked, NULL);
        pthread_cond_init(&names->ended, NULL);
        names->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = names->fd < 0 ? errno : pthread_create(&names->thread, NULL, names_thread, names);
        if (r) {
                cleanup_close(&names->fd);
                free(names);
                return -r;
        }
        *ret = names;
        return 0;
}

static void free_jobs(struct job *job) {
        for (struct job *next; job; job = next) {
                next = job->next;
                free((void *) job->name.groups);
                free(job);
        }
}

/* What NSS does on the thread cannot be ended, only waited for, and not for ever. */
static bool end_thread(struct names *names) {
        struct timespec until;
        bool has_ended;
        int r = 0;

        (void) clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += NAMES_TIMEOUT / USEC_PER_SEC;
        pthread_mutex_lock(&names->mutex);
        names->is_stopping = true;
        pthread_cond_signal(&names->asked);
        while (!names->has_ended && r == 0)
                r = pthread_cond_clockwait(&names->ended, &names->mutex, CLOCK_MONOTONIC, &until);
        has_ended = names->has_ended;
        pthread_mutex_unlock(&names->mutex);
        if (has_ended)
                pthread_join(names->thread, NULL);
        else
                (void) pthread_detach(names->thread);
        return has_ended;
}

void names_free(struct names **names) {
        if (!*names)
                return;
        if (!end_thread(*names)) {
                *names = NULL; /* it is the thread's as long as the process lives */
                return;
        }
        for (size_t i = 0; i < (*names)->n_entries; i++)
                free((void *) (*names)->entries[i].name.groups);
        free_jobs((*names)->questions);
        free_jobs((*names)->answers);
        pthread_cond_destroy(&(*names)->asked);
        pthread_cond_destroy(&(*names)->ended);
        pthread_mutex_destroy(&(*names)->mutex);
        close((*names)->fd);
        free(*names);
        *names = NULL;
}

/* ---- the table ---------------------------------------------------------------------------------------- */

static struct entry *find_entry(struct names *names, const char *user) {
        for (size_t i = 0; i < names->n_entries; i++)
                if (strcmp(names->entries[i].user, user) == 0)
                        return &names->entries[i];
        return NULL;
}

/* A place for one more: a free one, or that of the one known longest. NULL: all are being asked for. */
static struct entry *make_entry(struct names *names, const char *user) {
        struct entry *entry = NULL;

        if (names->n_entries < NAMES_MAX)
                entry = &names->entries[names->n_entries++];
        for (size_t i = 0; !entry && i < names->n_entries; i++)
                if (!names->entries[i].is_asked_for)
                        entry = &names->entries[i];
        for (size_t i = 0; entry && i < names->n_entries; i++)
                if (!names->entries[i].is_asked_for && names->entries[i].known_at < entry->known_at)
                        entry = &names->entries[i];
        if (!entry)
                return NULL;
        free((void *) entry->name.groups);
        *entry = (struct entry){ 0 };
        snprintf(entry->user, sizeof(entry->user), "%s", user);
        return entry;
}

static int ask(struct names *names, struct entry *entry, usec_t now_awake) {
        struct job *job = calloc(1, sizeof(*job));

        if (!job)
                return -ENOMEM;
        snprintf(job->user, sizeof(job->user), "%s", entry->user);
        entry->is_asked_for = true;
        entry->asked_at = now_awake;
        pthread_mutex_lock(&names->mutex);
        *names->questions_tail = job;
        names->questions_tail = &job->next;
        pthread_cond_signal(&names->asked);
        pthread_mutex_unlock(&names->mutex);
        return 0;
}

int names_find(struct names *names, const char *user, struct moment now, struct name *ret) {
        struct entry *entry;
        int r;

        if (strlen(user) > USER_MAX)
                return -ENAMETOOLONG;
        entry = find_entry(names, user);
        if (entry && entry->is_known && now.boot < entry->known_at + NAMES_KEPT_FOR) {
                *ret = entry->name;
                return 0;
        }
        if (entry && entry->is_asked_for) {
                if (now.awake < entry->asked_at + NAMES_TIMEOUT)
                        return NAMES_ASKED;
                *ret = (struct name){ .state = NAMES_UNAVAILABLE };
                return 0;
        }
        if (!entry)
                entry = make_entry(names, user);
        if (!entry) {
                *ret = (struct name){ .state = NAMES_UNAVAILABLE };
                return 0;
        }
        r = ask(names, entry, now.awake);
        return r < 0 ? r : NAMES_ASKED;
}

int names_fd(const struct names *names) {
        return names->fd;
}

void names_take(struct names *names, usec_t now_boot) {
        struct job *answers;
        eventfd_t ignored;

        (void) eventfd_read(names->fd, &ignored);
        pthread_mutex_lock(&names->mutex);
        answers = names->answers;
        names->answers = NULL;
        pthread_mutex_unlock(&names->mutex);
        for (struct job *job = answers; job; job = job->next) {
                struct entry *entry = find_entry(names, job->user);

                if (!entry)
                        continue;
                free((void *) entry->name.groups);
                entry->name = job->name;
                job->name.groups = NULL;
                entry->is_asked_for = false;
                entry->is_known = true;
                entry->known_at = now_boot;
                /* A failure is told to those who wait and asked about again soon, not kept for a minute. */
                if (entry->name.state == NAMES_UNAVAILABLE)
                        entry->known_at = now_boot < NAMES_KEPT_FOR - NAMES_TIMEOUT
                                                  ? 0
                                                  : now_boot - NAMES_KEPT_FOR + NAMES_TIMEOUT;
        }
        free_jobs(answers);
}

/* pam_stage: the built module in the real PAM stack, over a folder of services made for one test, before a
 * daemon that is played by a thread and does one thing to one connection. For the tests of the module
 * only.
 *
 * The module is the one built along with the test (build/pam_sessjwt.so). libpam is loaded, not linked: unit
 * tests are linked like the daemon, which has no PAM. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <security/pam_appl.h>

#include "pam/frame.h"

#define SID        "01890a5d-ac96-774b-bcce-b302099a8057"
#define OTHER_SID  "01890a5d-ac96-774b-bcce-b302099a8058"
#define SOMEBODY   "nobody"
#define GUARD_MSEC 10000 /* nothing takes so long; a test that hangs fails instead */

/* What the stack answers when the module has returned PAM_IGNORE: the next line, pam_debug, says so. */
#define IGNORED PAM_MODULE_UNKNOWN

#define PAM_CALLS(x)                                                                                         \
        x(pam_start_confdir) x(pam_end) x(pam_set_item) x(pam_putenv) x(pam_getenv) x(pam_authenticate)      \
                x(pam_setcred) x(pam_acct_mgmt) x(pam_open_session) x(pam_close_session) x(pam_chauthtok)
#define PAM_MEMBER(name) __typeof__(name) *name;
#define PAM_LOAD(name)   stage.name = (__typeof__(name) *) dlsym(libpam, #name);

enum act {
        ANSWER,                 /* with .reply */
        ANSWER_RAW,             /* with .raw */
        ANSWER_WITH_DESCRIPTOR, /* with .reply, and a descriptor that nobody asked for */
        ANSWER_AFTER_SIGNALS,   /* with .reply, when the caller has been interrupted a few times */
        SAY_NOTHING,            /* until the caller gives up */
        HANG_UP,                /* at once */
        READ_AND_HANG_UP,
};

static struct stage {
        PAM_CALLS(PAM_MEMBER)

        char folder[64];
        char socket_path[80];
        char module[4096];
        pam_handle_t *pamh;
        char heard[2048]; /* what the conversation was told: "info:TEXT|" and "error:TEXT|" */
        int (*prompt)(const struct pam_message *message, struct pam_response *ret); /* NULL: refused */
        int n_descriptors;

        int listener;
        pthread_t thread;
        enum act act;
        void (*then)(void); /* the daemon's thread, after its connection; NULL: nothing */
        struct frame_reply reply;
        uint8_t raw[2 * FRAME_REPLY_MAX];
        size_t raw_size;
        sem_t interrupted;

        /* what the daemon saw of the last connection */
        bool was_asked;
        int read_result;
        uint8_t packet[FRAME_REQUEST_MAX + 1];
        struct frame_request request;
        uint32_t groups[GROUPS_MAX];
        pid_t pidfd_pid;          /* whom the pidfd that came along stands for; 0 if there was none */
        bool used_low_descriptor; /* the caller had one of 0, 1, 2 open while it waited */
} stage = { .listener = -1 };

/* ---- the daemon --------------------------------------------------------------------------------------- */

static pid_t pid_of_pidfd(int fd) {
        char path[64], line[128];
        int pid = 0;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof(line), f))
                (void) sscanf(line, "Pid: %d", &pid);
        if (f)
                fclose(f);
        return pid;
}

static bool has_low_descriptor(pid_t pid) {
        for (int fd = 0; fd <= 2; fd++) {
                char path[64];
                struct stat st;

                snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int) pid, fd);
                if (lstat(path, &st) == 0)
                        return true;
        }
        return false;
}

static void daemon_read(int fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(4 * sizeof(int))];
        } control = { 0 };
        struct iovec vector = { .iov_base = stage.packet, .iov_len = sizeof(stage.packet) };
        struct msghdr message = { .msg_iov = &vector,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control) };
        ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        const char *field;
        uint16_t version;
        struct ucred peer;
        socklen_t size = sizeof(peer);

        for (struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL; c; c = CMSG_NXTHDR(&message, c)) {
                int pidfd;

                memcpy(&pidfd, CMSG_DATA(c), sizeof(pidfd));
                stage.pidfd_pid = pid_of_pidfd(pidfd);
                close(pidfd);
        }
        stage.was_asked = n > 0;
        stage.read_result = n <= 0 ? -EPIPE
                                   : frame_read_request(stage.packet, (size_t) n, &stage.request,
                                             stage.groups, &version, &field);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0)
                stage.used_low_descriptor = has_low_descriptor(peer.pid);
}

static void daemon_send(int fd, const void *bytes, size_t size, int descriptor) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct iovec vector = { .iov_base = (void *) bytes, .iov_len = size };
        struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };

        if (descriptor >= 0) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
                control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS,
                        .cmsg_len = CMSG_LEN(sizeof(descriptor)) };
                memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(descriptor));
        }
        (void) sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void daemon_act(int fd) {
        uint8_t packet[FRAME_REPLY_MAX];
        size_t size = 0;
        char end;

        if (stage.act == HANG_UP)
                return;
        daemon_read(fd);
        for (int i = 0; stage.act == ANSWER_AFTER_SIGNALS && i < 5; i++)
                sem_wait(&stage.interrupted);
        if (stage.act == READ_AND_HANG_UP)
                return;
        if (stage.act == ANSWER_RAW)
                daemon_send(fd, stage.raw, stage.raw_size, -1);
        else if (stage.act != SAY_NOTHING &&
                 frame_write_reply(&stage.reply, packet, sizeof(packet), &size) == 0)
                daemon_send(fd, packet, size, stage.act == ANSWER_WITH_DESCRIPTOR ? fd : -1);
        (void) recv(fd, &end, 1, 0); /* until the caller closes */
}

static void daemon_serve(void) {
        struct pollfd waiting = { .fd = stage.listener, .events = POLLIN };
        struct timeval guard = { .tv_sec = GUARD_MSEC / 1000 };
        int fd;

        if (poll(&waiting, 1, GUARD_MSEC) <= 0)
                return;
        fd = accept4(stage.listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
                return;
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &guard, sizeof(guard));
        daemon_act(fd);
        close(fd);
}

static void *daemon_run(void *unused) {
        daemon_serve();
        if (stage.then)
                stage.then();
        return NULL;
}

/* The thread takes no signals: they are for the caller. */
static void daemon_will(enum act act) {
        sigset_t all, before;

        stage.act = act;
        stage.was_asked = stage.used_low_descriptor = false;
        stage.pidfd_pid = 0;
        stage.read_result = -ENOMSG;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        assert_int_equal(pthread_create(&stage.thread, NULL, daemon_run, NULL), 0);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void daemon_will_answer(enum frame_outcome outcome, const char *session_id, const char *text) {
        stage.reply = (struct frame_reply){ .outcome = outcome };
        snprintf(stage.reply.session_id, sizeof(stage.reply.session_id), "%s", session_id);
        snprintf(stage.reply.text, sizeof(stage.reply.text), "%s", text);
        daemon_will(ANSWER);
}

static void daemon_join(void) {
        assert_int_equal(pthread_join(stage.thread, NULL), 0);
}

/* The daemon got one whole frame of that phase. */
static void assert_asked(enum frame_phase phase) {
        daemon_join();
        assert_true(stage.was_asked);
        assert_int_equal(stage.read_result, 0);
        assert_int_equal(stage.request.phase, phase);
}

static inline void assert_nobody_called(void) {
        assert_int_equal(accept(stage.listener, NULL, NULL), -1);
        assert_int_equal(errno, EAGAIN);
}

static void daemon_listen(int backlog) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        memcpy(address.sun_path, stage.socket_path, strlen(stage.socket_path));
        stage.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert_true(stage.listener >= 0);
        assert_int_equal(bind(stage.listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(stage.listener, backlog), 0);
}

static void daemon_stop(void) {
        if (stage.listener >= 0)
                close(stage.listener);
        stage.listener = -1;
}

/* ---- the application ---------------------------------------------------------------------------------- */

/* Prompts are refused, as sshd refuses them in a session, unless a test answers them; they come alone. What
 * pam_debug says of itself is not heard. */
static int converse(int n, const struct pam_message **messages, struct pam_response **ret, void *data) {
        *ret = calloc((size_t) n, sizeof(**ret));
        if (*ret && n == 1 && stage.prompt && messages[0]->msg_style <= PAM_PROMPT_ECHO_ON)
                return stage.prompt(messages[0], *ret);
        for (int i = 0; i < n; i++) {
                size_t used = strlen(stage.heard);

                if (messages[i]->msg_style != PAM_ERROR_MSG && messages[i]->msg_style != PAM_TEXT_INFO)
                        return PAM_CONV_ERR;
                if (strstr(messages[i]->msg, "=module_unknown"))
                        continue;
                snprintf(stage.heard + used, sizeof(stage.heard) - used, "%s:%s|",
                        messages[i]->msg_style == PAM_ERROR_MSG ? "error" : "info", messages[i]->msg);
        }
        return *ret ? PAM_SUCCESS : PAM_BUF_ERR;
}

static void write_service(const char *service, const char *options) {
        static const char *const phases[][2] = { { "auth", "auth=module_unknown cred=module_unknown" },
                { "account", "acct=module_unknown" },
                { "session", "open_session=module_unknown close_session=module_unknown" },
                { "password", "prechauthtok=module_unknown chauthtok=module_unknown" } };
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/%s", stage.folder, service);
        f = fopen(path, "we");
        assert_non_null(f);
        for (size_t i = 0; i < 4; i++) {
                fprintf(f, "%s [success=done ignore=ignore default=die] %s %s\n", phases[i][0], stage.module,
                        options);
                fprintf(f, "%s [default=die] pam_debug.so %s\n", phases[i][0], phases[i][1]);
        }
        assert_int_equal(fclose(f), 0);
}

static void finish(int flags) {
        if (stage.pamh)
                assert_int_equal(stage.pam_end(stage.pamh, flags), PAM_SUCCESS);
        stage.pamh = NULL;
}

/* Starts a login through a line that has these options and nothing else; the one before is ended. */
static void begin_without_socket(const char *service, const char *user, const char *options) {
        static const struct pam_conv conversation = { .conv = converse };

        finish(0);
        write_service(service, options);
        stage.heard[0] = '\0';
        stage.prompt = NULL;
        stage.then = NULL;
        assert_int_equal(stage.pam_start_confdir(service, user, &conversation, stage.folder, &stage.pamh),
                PAM_SUCCESS);
}

static void begin_as(const char *service, const char *user, const char *options) {
        char all[512];

        snprintf(all, sizeof(all), "socket=%s %s", stage.socket_path, options);
        begin_without_socket(service, user, all);
}

static void begin(const char *options) {
        begin_as("sshd", SOMEBODY, options);
}

static int count_descriptors(void) {
        DIR *folder = opendir("/proc/self/fd");
        int n = 0;

        assert_non_null(folder);
        while (readdir(folder))
                n++;
        closedir(folder);
        return n;
}

/* ---- fixtures ----------------------------------------------------------------------------------------- */

/* Of the same build, with its sanitizers: BUILD/tests/unit/test_x, BUILD/pam_sessjwt.so. */
static void find_module(void) {
        char path[sizeof(stage.module) - sizeof("/sanitized/pam_sessjwt.so")];
        ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

        assert_in_range(n, 1, sizeof(path) - 2);
        path[n] = '\0';
        for (int i = 0; i < 3; i++) {
                char *slash = strrchr(path, '/');

                assert_non_null(slash);
                *slash = '\0';
        }
        snprintf(stage.module, sizeof(stage.module), "%s/sanitized/pam_sessjwt.so", path);
        if (access(stage.module, F_OK) < 0)
                snprintf(stage.module, sizeof(stage.module), "%s/pam_sessjwt.so", path);
}

static int stage_build(void **state) {
        void *libpam = dlopen("libpam.so.0", RTLD_NOW);

        assert_non_null(libpam);
        PAM_CALLS(PAM_LOAD)
        find_module();
        assert_non_null(dlopen(stage.module, RTLD_NOW)); /* once for all tests */
        openlog("test", LOG_NDELAY, LOG_AUTHPRIV);       /* its descriptor is not a leak of the module's */
        signal(SIGPIPE, SIG_DFL);
        return sem_init(&stage.interrupted, 0, 0);
}

static int stage_open(void **state) {
        strcpy(stage.folder, "/tmp/pam_stage.XXXXXX");
        assert_non_null(mkdtemp(stage.folder));
        assert_int_equal(chmod(stage.folder, 0755), 0);
        snprintf(stage.socket_path, sizeof(stage.socket_path), "%s/.login", stage.folder);
        alarm(GUARD_MSEC * 3 / 1000);
        stage.n_descriptors = count_descriptors();
        daemon_listen(8);
        return 0;
}

/* Whatever the test did, no descriptor is left of it. */
static int stage_close(void **state) {
        DIR *folder;

        finish(0);
        daemon_stop();
        assert_int_equal(count_descriptors(), stage.n_descriptors);
        folder = opendir(stage.folder);
        assert_non_null(folder);
        for (struct dirent *e = readdir(folder); e; e = readdir(folder))
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        assert_int_equal(unlinkat(dirfd(folder), e->d_name, 0), 0);
        closedir(folder);
        alarm(0);
        return rmdir(stage.folder);
}

#define stage_test(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

/* One account and one open with these options return what trouble means: first as it is, then with
 * on_error=deny. */
static inline void assert_trouble(const char *service, const char *options) {
        char deny[256];

        snprintf(deny, sizeof(deny), "%s on_error=deny", options);
        begin_as(service, SOMEBODY, options);
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), IGNORED);
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), IGNORED);
        begin_as(service, SOMEBODY, deny);
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), PAM_PERM_DENIED);
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), PAM_SESSION_ERR);
        assert_string_equal(stage.heard, "");
        begin_as(service, "root", deny);
        assert_int_equal(stage.pam_acct_mgmt(stage.pamh, 0), IGNORED);
        assert_int_equal(stage.pam_open_session(stage.pamh, 0), IGNORED);
}

static inline int open_when(enum act act, const char *options) {
        int rc;

        begin(options);
        daemon_will(act);
        rc = stage.pam_open_session(stage.pamh, 0);
        daemon_join();
        return rc;
}

/* A close that reaches the daemon with this session id. After an open that was ignored libpam ignores the
 * close's result too, so it is not looked at. */
static inline void close_ignored(const char *session_id) {
        daemon_will_answer(FRAME_OK, "", "");
        (void) stage.pam_close_session(stage.pamh, 0);
        assert_asked(FRAME_CLOSE);
        assert_string_equal(stage.request.session_id, session_id);
}

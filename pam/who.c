/* who: see the header. */
#include "pam/who.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>

_Static_assert(sizeof(gid_t) == sizeof(uint32_t), "groups are sent as they come");

static const char *get_item(pam_handle_t *pamh, int item) {
        const void *text = NULL;

        return pam_get_item(pamh, item, &text) == PAM_SUCCESS && text ? text : "";
}

/* Some items are what the far side says (a name server, a header). One that cannot be carried must neither
 * end the request, which would let its sender past every limit, nor look as if it had not been there. */
static const char *get_carriable_item(pam_handle_t *pamh, int item, size_t max) {
        const char *text = get_item(pamh, item);

        return frame_may_carry(text, max) ? text : "?";
}

/* The PAM environment may be the user's own text: one that cannot be carried is as good as none. */
static void read_environment(pam_handle_t *pamh, struct frame_request *request) {
        const char *connection = pam_getenv(pamh, "SSH_CONNECTION");
        const char *auth_info = pam_getenv(pamh, "SSH_AUTH_INFO_0");

        request->ssh_connection =
                connection && frame_may_carry(connection, SSH_CONNECTION_MAX) ? connection : "";
        request->auth_info = auth_info ? auth_info : "";
        if (strnlen(request->auth_info, AUTH_INFO_MAX + 1) > AUTH_INFO_MAX) {
                request->auth_info = "";
                request->flags |= FRAME_AUTH_INFO_OMITTED;
        }
}

/* Of too many groups the first are kept, so that a break-glass group among them still counts. */
static int read_groups(const struct passwd *user, struct who *who) {
        int n = GROUPS_MAX, r;

        who->groups = calloc(GROUPS_MAX, sizeof(*who->groups));
        if (!who->groups)
                return -ENOMEM;
        r = getgrouplist(user->pw_name, user->pw_gid, who->groups, &n);
        who->request.groups = who->groups;
        who->request.n_groups = n > GROUPS_MAX ? GROUPS_MAX : (size_t) n;
        return r < 0 ? -E2BIG : 0;
}

static bool is_member(const struct frame_request *request, gid_t gid) {
        for (size_t i = 0; i < request->n_groups; i++)
                if (request->groups[i] == gid)
                        return true;
        return false;
}

static void read_break_glass(pam_handle_t *pamh, const char *name, struct who *who) {
        const struct group *group = pam_modutil_getgrnam(pamh, name);

        who->lacks_break_glass = !group;
        if (!group || !is_member(&who->request, group->gr_gid))
                return;
        who->passes = true;
        who->request.flags |= FRAME_BREAK_GLASS;
}

/* As if he were there, but for his uid: what is not to be told apart is treated alike. */
static void read_unknown(const char *name, struct frame_request *request) {
        request->uid = UINT32_MAX;
        request->user = frame_may_carry(name, USER_MAX) ? name : "?";
        request->flags |= FRAME_USER_UNKNOWN;
}

/* Nobody was looked for. A user who starts su himself decides what it has. */
static bool is_shortage(int error) {
        return error == EMFILE || error == ENFILE || error == ENOMEM;
}

int who_read(pam_handle_t *pamh, int flags, const struct options *options, struct who *ret,
        const char **ret_item) {
        struct frame_request *request = &ret->request;
        const struct passwd *user;
        const char *name = NULL;
        int r;

        if (pam_get_user(pamh, &name, NULL) != PAM_SUCCESS || !name || !name[0])
                return WHO_UNKNOWN;
        *ret_item = "passwd entry";
        errno = 0;
        user = pam_modutil_getpwnam(pamh, name);
        if (!user && is_shortage(errno))
                return -errno;
        if (!user && options->phase == AUTH_NONE)
                return WHO_UNKNOWN;
        if (user) {
                ret->passes = user->pw_uid == 0;
                request->uid = user->pw_uid;
                request->user = name;
        } else
                read_unknown(name, request);
        request->realm = options->realm;
        request->service = get_item(pamh, PAM_SERVICE);
        request->tty = get_carriable_item(pamh, PAM_TTY, TTY_MAX);
        request->rhost = get_carriable_item(pamh, PAM_RHOST, RHOST_MAX);
        request->ruser = get_carriable_item(pamh, PAM_RUSER, USER_MAX);
        read_environment(pamh, request);
        if (options->denies_on_error)
                request->flags |= FRAME_DENIES_ON_ERROR;
        if (flags & PAM_SILENT)
                request->flags |= FRAME_SILENT;
        /* For a password they are of no use but to break the glass, and take a time that tells who exists. */
        if (!user || (options->phase != AUTH_NONE && !options->break_glass))
                return 0;
        r = read_groups(user, ret);
        if (options->break_glass)
                read_break_glass(pamh, options->break_glass, ret);
        *ret_item = "groups";
        return r;
}

void who_done(struct who *who) {
        free(who->groups);
        *who = (struct who){ 0 };
}

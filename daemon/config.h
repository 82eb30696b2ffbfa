/* config: the files of DESIGN section 12 -> one immutable, counted value; or an error that names file, line, key and what would be right. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "client/protocol.h"
#include "daemon/policy.h"
#include "daemon/session.h"

#define CONFIG_ERROR_MAX 1024
#define CONFIG_FILE_MAX 1048576
#define CONFIG_LINE_MAX 4096
#define CONFIG_POLICIES_MAX 256
#define CONFIG_REALMS_MAX 64

struct config {
        unsigned references; /* atomic; use config_ref and config_unref */

        /* [daemon] */
        struct name_list uncounted_keys; /* SHA256:… */
        gid_t admin_gid;                 /* of sessjwt-admin; (gid_t) -1 if there is no such group */

        /* [token] */
        char issuer[ISSUER_MAX + 1];     /* default: the host name, as "sessjwt://HOSTNAME" */
        char audience[AUDIENCE_MAX + 1]; /* default: the issuer */
        char typ[16];                    /* at+jwt | JWT */

        /* [services]: patterns; counted, nested, ignored given; every other service is tracked. `tracked` names exceptions to the patterns. */
        struct name_list counted, tracked, nested, ignored;

        /* [policy NAME] in order, [policy default] always last */
        struct policy *policies;
        size_t n_policies;

        /* [realm NAME]; "default" always exists and is first */
        char (*realms)[REALM_MAX + 1];
        size_t n_realms;

        size_t n_unresolved_groups; /* a health failure until they can be */
};

/* Reads `file` and its drop-ins `file`.d/*.conf in order of name. With file NULL: the systemd way, vendor file and drop-ins under /usr/lib/sessjwt, those in /etc/sessjwt
 * win by name; no file at all is a valid configuration. Groups are resolved here (NSS: not on the loop thread).
 * 0; -EINVAL, -E2BIG or a read error, with a line for people in error ("FILE:LINE: KEY: what is wrong, what would be right"). */
int config_load(const char *file, struct config **ret, char error[static CONFIG_ERROR_MAX]);

/* The same from memory, as one file called `name`; for tests and the fuzzer. */
int config_read(const char *name, const char *text, size_t size, struct config **ret, char error[static CONFIG_ERROR_MAX]);

struct config *config_ref(struct config *config);
void config_unref(struct config **config);

enum session_class config_class(const struct config *config, const char *service);
bool config_has_realm(const struct config *config, const char *realm);
/* By name, for sessions that outlive a reload; [policy default] when it is gone. */
const struct policy *config_policy(const struct config *config, const char *name);

/* The whole effective configuration as text that config_read accepts; for `sessjwtd --check-config` and `sessjwt cat-config`.
 * 0 with a malloced, NUL-terminated text. */
int config_write(const struct config *config, char **ret);

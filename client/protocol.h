/* protocol: the paths, the names and every limit that more than one part of sessjwt must agree on.
 * One page, no code. Sizes are bytes without the terminating NUL unless a name says otherwise. */
#pragma once

#define SESSJWT_VERSION   "0.1.0"
#define SESSJWT_INTERFACE "org.sessjwt"
#define SESSJWT_URL       "https://github.com/sessjwt/sessjwt"

#define SESSJWT_CONFIG_FILE         "/etc/sessjwt/sessjwtd.conf"
#define SESSJWT_VENDOR_CONFIG_FILE  "/usr/lib/sessjwt/sessjwtd.conf"
#define SESSJWT_STATE_DIR           "/var/lib/sessjwt"
#define SESSJWT_RUNTIME_DIR         "/run/sessjwt"
#define SESSJWT_LOGIN_SOCKET_NAME   "login"
#define SESSJWT_VARLINK_SOCKET_NAME "org.sessjwt"
#define SESSJWT_PUBLIC_DIR_NAME     "public"
#define SESSJWT_JWKS_NAME           "jwks.json"
#define SESSJWT_STATUS_NAME         "status"
#define SESSJWT_STATUS_LIST_NAME    "status.jwt"
#define SESSJWT_TOKENS_DIR_NAME     "tokens"
#define SESSJWT_BACKUPS_DIR_NAME    "backups"
#define SESSJWT_LOGIN_SOCKET        SESSJWT_RUNTIME_DIR "/" SESSJWT_LOGIN_SOCKET_NAME
#define SESSJWT_VARLINK_SOCKET      SESSJWT_RUNTIME_DIR "/" SESSJWT_VARLINK_SOCKET_NAME
#define SESSJWT_PUBLIC_DIR          SESSJWT_RUNTIME_DIR "/" SESSJWT_PUBLIC_DIR_NAME

#define SESSJWT_DEFAULT_REALM  "default"
#define SESSJWT_DEFAULT_POLICY "default"
#define SESSJWT_ADMIN_GROUP    "sessjwt-admin"

/* Names and texts from outside. Longer ones are refused, never cut. */
#define USER_MAX             256
#define REALM_MAX            64
#define SERVICE_MAX          64
#define POLICY_NAME_MAX      64
#define TTY_MAX              128
#define RHOST_MAX            256
#define IP_MAX               45    /* INET6_ADDRSTRLEN - 1 */
#define AUTH_INFO_MAX        32768 /* SSH_AUTH_INFO_0: a line a method, whole certificates included */
#define SSH_CONNECTION_MAX   128
#define GROUPS_MAX           4096 /* numeric groups of one user */
#define DEVICE_NAME_MAX      128
#define DEVICE_IDENTITY_MAX  320
#define DEVICES_PER_USER_MAX 1000 /* of one user that are kept, as far as they are not all in use */
#define DEVICE_ID_TEXT_MAX   32   /* lower-case hex */
#define DEVICE_PART_MIN      8    /* how much of a device's id, from either end, a person must type */
#define LOCK_SOURCE_MAX      80   /* an address with its /64, local:UID, unknown:SERVICE */
#define REASON_TEXT_MAX      200  /* the free text of a revocation */
#define MESSAGE_TEXT_MAX     500  /* what a login may be told; PAM_MAX_MSG_SIZE is 512 */
#define QUESTION_TEXT_MAX    430  /* what a user is shown before the question, in one text with it */
#define BACKUP_NAME_MAX      64
#define SID_TEXT_MAX         36 /* a UUID */
#define SID_SUFFIX_MIN       8  /* how much of a session id, from its end, a person must type */
#define AUDIENCE_MAX         256
#define ISSUER_MAX           256
#define ROLE_MAX             64
#define ROLES_MAX            16 /* roles in one token, and in one policy */

/* Tokens */
#define TOKEN_MAX           8192
#define KID_MAX             64
#define REFRESH_PREFIX      "sjr1_"
#define JWKS_MAX            65536
#define JWKS_KEYS_MAX       32
#define LEEWAY_SEC          0
#define TOKEN_FILE_MAX      255              /* the path of a session's token file */
#define STATUS_URI_MAX      (ISSUER_MAX + 7) /* issuer/status */
#define MAX_STALE_SEC       60 /* a status page without a heartbeat for so long proves nothing */
#define STATUS_LIST_TTL_SEC 60 /* a verifier off the host asks again for the status list at least so often */
#define KEYS_RELOAD_SEC     10 /* an unknown kid makes verifiers read the same keys again, at most so often */
#define TOKENS_SEEN_MAX     1024 /* what one verifier remembers */

/* Messages on the public socket */
#define MESSAGE_MAX                65536   /* one call */
#define REPLY_MAX                  1048576 /* one reply; a plain list says when it was cut */
#define MESSAGE_DEPTH_MAX          8
#define MESSAGE_TOKENS_MAX         128 /* of a call; the certification of Varlink has one of 72 */
#define LIST_SLICE_ROWS            64
#define CONNECTIONS_PER_UID_MAX    64
#define CONNECTIONS_MAX            4096
#define CONNECTIONS_FOR_ROOT       64        /* of them, that only root gets */
#define CHANGES_PER_SEC_PER_UID    50        /* asked for on the public socket, in the long run */
#define CHANGES_AT_ONCE_PER_UID    500       /* by one who was quiet before */
#define HELD_PER_UID_MAX           16777216  /* bytes of calls and large replies for one user's connections */
#define HELD_MAX                   134217728 /* for all of them */
#define SUBSCRIPTIONS_MAX          1024
#define SUBSCRIPTIONS_PER_UID_MAX  16
#define FEED_EVENTS_MAX            8192    /* that a subscriber may lag behind, */
#define FEED_BYTES_MAX             8388608 /* in all so many bytes for all of them together */
#define IDLE_CONNECTION_SEC        300     /* a public connection that says nothing for so long is closed */
#define PUBLIC_CHANGES_PER_TURN    32
#define SIGNATURE_CHECKS_PER_ROUND 8

/* Logins */
#define LOGIN_TIMEOUT_DEFAULT_MSEC 250
#define LOGIN_TIMEOUT_MAX_MSEC     1000
#define LOGIN_CONNECTIONS_MAX      1024
#define CHOICE_LIFE_SEC            60 /* from a user's answer to the open that carries it out */
#define CHOICES_MAX                1024
#define CHOICES_PER_USER_MAX       16

/* Ending a login */
/* From the line on the terminals to SIGTERM: sshd drops what it has not sent yet, and a monitor that is hit
 * between its fork and its signal handler leaves its child alive. */
#define TERMINATE_LINE_MSEC 250
#define TERMINATE_GRACE_SEC 5 /* from SIGTERM to SIGKILL */
#define DENIED_GRACE_SEC    2 /* a denied login that has not gone by then is signalled */

#include "client/libsessjwt_error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "client/protocol.h"
#include "client/sessjwt.h"

#define OURS(name)    SESSJWT_INTERFACE "." name
#define VARLINK(name) "org.varlink.service." name

static const struct error {
        const char *name;
        int number;
        const char *parameter; /* what it is about */
        const char *sentence;
} errors[] = {
        { VARLINK("InterfaceNotFound"), SESSJWT_E_INTERFACE_NOT_FOUND, "interface",
                "Whoever listens there does not speak the interface " SESSJWT_INTERFACE },
        { VARLINK("MethodNotFound"), SESSJWT_E_METHOD_NOT_FOUND, "method",
                "The daemon does not know this method" },
        { VARLINK("MethodNotImplemented"), SESSJWT_E_METHOD_NOT_IMPLEMENTED, "method",
                "The daemon does not implement this method" },
        { VARLINK("InvalidParameter"), SESSJWT_E_INVALID_PARAMETER, "parameter",
                "The daemon does not accept this parameter" },
        { VARLINK("PermissionDenied"), SESSJWT_E_PERMISSION_DENIED, NULL, "You may not do that" },
        { VARLINK("ExpectedMore"), SESSJWT_E_EXPECTED_MORE, NULL,
                "The method answers only callers that accept more than one reply" },
        { OURS("SessionNotFound"), SESSJWT_E_SESSION_NOT_FOUND, "sessionId",
                "There is no such session, or it is not yours to see" },
        { OURS("SessionEnded"), SESSJWT_E_SESSION_ENDED, "endReason", "The session is ending or over" },
        { OURS("NoSession"), SESSJWT_E_NO_SESSION, NULL, "You are in no session: name one" },
        { OURS("RealmNotFound"), SESSJWT_E_REALM_NOT_FOUND, "realm",
                "There is no such realm, or it is not yours" },
        { OURS("TooManyConnections"), SESSJWT_E_TOO_MANY_CONNECTIONS, "limit",
                "There are too many connections to the daemon at once" },
        { OURS("TooManyChanges"), SESSJWT_E_TOO_MANY_CHANGES, "limit",
                "You ask for too many changes, nothing was changed: wait a moment" },
        { OURS("TooMuchUnread"), SESSJWT_E_TOO_MUCH_UNREAD, "limit",
                "Too many bytes of replies wait to be read" },
        { OURS("StoreUnavailable"), SESSJWT_E_STORE_UNAVAILABLE, "reason",
                "The change could not be kept, nothing was changed" },
        { OURS("ConfigurationInvalid"), SESSJWT_E_CONFIGURATION_INVALID, "message",
                "The new configuration is invalid, the old one stays" },
        { OURS("TooManyKeys"), SESSJWT_E_TOO_MANY_KEYS, "limit",
                "Too many signing keys are retiring, nothing was changed" },
        { OURS("NamesUnavailable"), SESSJWT_E_NAMES_UNAVAILABLE, NULL,
                "The account database does not answer: no token, the session lives on" },
        { OURS("UserNotFound"), SESSJWT_E_USER_NOT_FOUND, "user", "There is no such user" },
        { OURS("NotPublished"), SESSJWT_E_NOT_PUBLISHED, "reason",
                "It could not be published yet; a change of keys is kept" },
        { OURS("InvalidRefreshToken"), SESSJWT_E_INVALID_REFRESH_TOKEN, NULL,
                "That is not a refresh token of this host" },
        { OURS("RefreshTokenReused"), SESSJWT_E_REFRESH_TOKEN_REUSED, "sessionId",
                "The refresh token was used already, as if it had been copied: its session has ended" },
        { OURS("RefreshTokenExpired"), SESSJWT_E_REFRESH_TOKEN_EXPIRED, "sessionId",
                "The refresh token is good no more; its session can be issued another one" },
        { OURS("DeviceNotFound"), SESSJWT_E_DEVICE_NOT_FOUND, "deviceId",
                "There is no such device, or it is not yours to see" },
        { OURS("TooManySubscriptions"), SESSJWT_E_TOO_MANY_SUBSCRIPTIONS, "limit",
                "There are too many subscriptions at once" },
        { OURS("EventsLost"), SESSJWT_E_EVENTS_LOST, NULL,
                "Events were lost, because they were not read in time: subscribe again" },
        { OURS("BackupExists"), SESSJWT_E_BACKUP_EXISTS, "name", "There is a backup of that name, it stays" },
        { OURS("BackupUnderWay"), SESSJWT_E_BACKUP_UNDER_WAY, NULL, "Another backup is being made" },
        { OURS("BackupFailed"), SESSJWT_E_BACKUP_FAILED, "reason", "The backup could not be made" },
};

#define N_ERRORS (sizeof errors / sizeof *errors)

int error_from_name(const char *name, const char **ret_parameter) {
        for (size_t i = 0; i < N_ERRORS; i++)
                if (strcmp(errors[i].name, name) == 0) {
                        *ret_parameter = errors[i].parameter;
                        return errors[i].number;
                }
        *ret_parameter = NULL;
        return SESSJWT_E_OTHER;
}

/* Where strerror's words would mislead, and else its words: strerrordesc_np is static text, unlike
 * strerror's. */
static const char *transport_text(int error) {
        const char *text;

        switch (error) {
        case -ENOENT:
                return "There is no such socket";
        case -ETIMEDOUT:
                return "The daemon did not answer in time";
        case -ECONNRESET:
        case -EPIPE:
                return "The daemon closed the connection";
        case -EBADMSG:
                return "The daemon's answer breaks the protocol";
        case -EMSGSIZE:
                return "The daemon's answer is too long";
        case -E2BIG:
                return "The arguments are too long";
        case -EILSEQ:
                return "An argument is not UTF-8";
        }
        text = error < 0 && error >= -4095 ? strerrordesc_np(-error) : NULL;
        return text ? text : "Unknown error";
}

const char *sessjwt_error_text(int error) {
        if (error == 0)
                return "Done";
        if (error == SESSJWT_E_OTHER)
                return "The daemon answered with an error that this library does not know";
        for (size_t i = 0; i < N_ERRORS; i++)
                if (errors[i].number == error)
                        return errors[i].sentence;
        return transport_text(error);
}

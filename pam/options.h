/* options: the words after pam_sessjwt.so in a line of pam.d. Pure; libc only. */
#pragma once

#include <stdbool.h>

/* Which of the lines of an auth stack it is. */
enum auth_phase { AUTH_NONE = 0, AUTH_BEFORE, AUTH_FAILED, AUTH_SUCCEEDED };

struct options {
        enum auth_phase phase;   /* preauth, authfail, authsucc: one of them at most */
        const char *realm;       /* realm=NAME, default `default` */
        const char *socket;      /* socket=PATH, absolute */
        const char *break_glass; /* break_glass=GROUP: its members are never denied; NULL if none */
        unsigned timeout_msec;   /* timeout=250ms, units ms and s, from 10ms to 1s */
        bool socket_given;
        bool denies_on_error; /* on_error=ignore|deny: what trouble with the daemon means */
        bool quiet;           /* show the user nothing */
        bool debug;           /* log each step */
};

/* Always fills *ret, whose strings are borrowed from argv. 0; -EINVAL with the first option that is
 * unknown, repeated or out of its bounds in *ret_bad (borrowed); all others count then, so that on_error
 * holds wherever it stands in the line. */
int options_read(int argc, const char **argv, struct options *ret, const char **ret_bad);

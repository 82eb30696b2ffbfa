/* choice: what the user chooses at his limit: one question with echo on, and what he typed. Knows PAM's
 * conversation; no daemon. */
#pragma once

#include <stdbool.h>
#include <security/pam_modules.h>

#include "pam/frame.h"

#define CHOICE_TRIES_MAX 3

enum choice_outcome {
        CHOICE_UNANSWERED = 1, /* the conversation failed: there is nobody who could answer */
};

/* Whether a question of this program, asked in account, can only be answered by the person who logs in:
 * sshd's (keyboard-interactive passes it on; its other methods refuse prompts with echo, and no text of them
 * is shown) and login's on its terminal. A greeter, a web server or a script may answer as it likes. */
bool choice_has_person(const struct frame_request *request);

/* Shows the text and asks; what is none of the answers is asked again, CHOICE_TRIES_MAX times in all, and is
 * giving up then: nobody is signed out by a mistake. 0 with the choice, never NONE; CHOICE_UNANSWERED. */
int choice_ask(pam_handle_t *pamh, const char *text, enum frame_choice *ret);

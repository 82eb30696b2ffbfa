/* choice: see the header. Text and question are one prompt, so where there is no person nothing of it is
 * shown: sshd's other conversations keep what they are told for later, and refuse what they are asked. */
#include "pam/choice.h"

#include <stdlib.h>
#include <string.h>
#include <security/pam_ext.h>

#include "client/cleanup.h"

#define QUESTION "1 sign out the oldest (*), 2 sign out all others, 3 give up: "

_Static_assert(QUESTION_TEXT_MAX + sizeof(QUESTION) <= PAM_MAX_MSG_SIZE, "both are one message");

bool choice_has_person(const struct frame_request *request) {
        const char *tty = request->tty;

        if (strcmp(tty, SSHD_TTY) == 0)
                return true;
        if (strcmp(request->service, "login") != 0 && strcmp(request->service, "remote") != 0)
                return false;
        return tty[0] != '\0' && strcmp(tty, "?") != 0;
}

/* May hold a password, typed by habit. */
static void wipe_answer(char **answer) {
        if (!*answer)
                return;
        explicit_bzero(*answer, strlen(*answer));
        free(*answer);
}

/* Blanks around the answer do not count. NONE: it is no answer. */
static enum frame_choice read_answer(const char *answer) {
        static const char blanks[] = " \t\r\n";

        answer += strspn(answer, blanks);
        if (!*answer)
                return FRAME_CHOICE_GIVE_UP;
        if (*answer < '1' || *answer > '3' || answer[1 + strspn(answer + 1, blanks)] != '\0')
                return FRAME_CHOICE_NONE;
        return (enum frame_choice)(FRAME_CHOICE_OLDEST + (*answer - '1'));
}

int choice_ask(pam_handle_t *pamh, const char *text, enum frame_choice *ret) {
        enum frame_choice choice = FRAME_CHOICE_NONE;

        for (int i = 0; i < CHOICE_TRIES_MAX && choice == FRAME_CHOICE_NONE; i++) {
                _cleanup_(wipe_answer) char *answer = NULL;

                if (pam_prompt(pamh, PAM_PROMPT_ECHO_ON, &answer, "%s" QUESTION, i == 0 ? text : "") !=
                                PAM_SUCCESS ||
                        !answer)
                        return CHOICE_UNANSWERED;
                choice = read_answer(answer);
        }
        *ret = choice == FRAME_CHOICE_NONE ? FRAME_CHOICE_GIVE_UP : choice;
        return 0;
}

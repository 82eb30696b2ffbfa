/* limit_private: what the parts of limit share: limit.c (the decisions, the refusal), limit_question.c. */
#pragma once

#include "daemon/limit.h"

/* Into the verdict's text: the user's other devices (his sessions, where those are limited), with a mark on
 * those that would go as the oldest. */
void limit_write_question(
        struct store_txn *txn, const struct limit_login *login, struct limit_verdict *verdict);

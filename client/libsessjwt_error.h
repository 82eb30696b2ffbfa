/* error: the one table of Varlink error name, SESSJWT_E_*, sentence, and the parameter that says what it
 * is about. */
#pragma once

/* The SESSJWT_E_* of a fully qualified Varlink error; SESSJWT_E_OTHER if it is none of ours.
 * ret_parameter: the name of the parameter that tells most, or NULL. Static. */
int error_from_name(const char *name, const char **ret_parameter);

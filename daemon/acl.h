/* acl: one user more who may use a file or folder of ours, as a POSIX ACL. Written as the attribute that
 * linux/posix_acl_xattr.h documents rather than by libacl: it is 44 bytes, and no library more in the
 * daemon. */
#pragma once

#include <sys/types.h>

/* Its owner has these rights (4 read, 2 write, 1 execute, as in a mode), the user `uid` those, nobody else
 * any. To stat the user's stand where the group's do. What it inherited is replaced. 0; -EOPNOTSUPP: the file
 * system has no ACLs; negative errno. On failure nothing has changed. */
int acl_let_user(int fd, uid_t uid, unsigned owner_rights, unsigned user_rights);

/**
 * @file control.h
 * The control socket: how other programs ask a running agent, and tell it what to do.
 *
 * One stream of a unix socket is one question. The question is one line, words with a blank between
 * them; the answer is the line "ok", or "error" with a blank and why, and then, if there is more to
 * say, a body; then the agent closes the stream. A line is text of at most 1 KiB with its end,
 * without NUL; what is longer is answered with "error line too long", and who comes when all
 * streams are taken with "error busy".
 *
 * Who may connect is told by the file's mode and group: by default the agent's user, and root.
 * Source: unix(7), epoll(7). Thread-safety: none.
 */
#ifndef MW_CONTROL_H
#define MW_CONTROL_H

#include <stdint.h>

#include "agent/control_socket.h"
#include "base/buf.h"
#include "moonwatch/error.h"

struct mw_control;

#define MW_CONTROL_LINE_MAX_BYTES 1024
#define MW_CONTROL_BODY_MAX_BYTES ((size_t)4 << 20)
#define MW_CONTROL_STREAMS_MAX 8                   /**< at once; more are turned away */
#define MW_CONTROL_PATIENCE_NS INT64_C(5000000000) /**< with one stream, from beginning to end */

/** See mw_control_answer, and mw_control_answer_waiting. */
#define MW_CONTROL_LATER 1

/** With one stream whose answer is not known yet. */
#define MW_CONTROL_LATER_NS INT64_C(60000000000)

/**
 * Answer @p line, which may be changed: append a body to @p body.
 * @return 0, or -errno with @p err filled, whose text becomes the answer; MW_CONTROL_LATER: it is
 * not known yet.
 */
typedef int mw_control_answer(void *data, char *line, struct mw_buf *body, struct mw_error *err);

/**
 * Listen at @p place; what a dead agent has left there goes. The folder is made when it lacks.
 * To be called while there is one thread, for the mode of the file.
 * @return NULL with @p err: EADDRINUSE: another agent has it; EINVAL: the group is none, or may not
 * be given; or errno.
 */
struct mw_control *mw_control_open(const struct mw_control_place *place, mw_control_answer *answer,
                                   void *data, struct mw_error *err);

/** Close it, and remove the file, unless it is another agent's by now. Accepts NULL. */
void mw_control_close(struct mw_control *control);

/** Something is to be done when this descriptor is readable: poll(2) it. */
int mw_control_fd(const struct mw_control *control);

/** Do what there is to be done, without waiting. Also now and then, for streams that say nothing.
 */
void mw_control_serve(struct mw_control *control);

/** Answer all who were told to wait. @p body may be NULL; @p err is for a negative @p rc. */
void mw_control_answer_waiting(struct mw_control *control, int rc, const struct mw_buf *body,
                               const struct mw_error *err);

/**
 * Ask the agent that listens at @p path: @p line without its end. To be called by other processes.
 * @return 0 with its body appended to @p body; -ENOENT, -ECONNREFUSED: no agent listens there;
 * -ETIMEDOUT: one does, and does not answer;
 * -EPROTO: the agent says that it went wrong, and @p err says what it says, the body more of it; or
 * -errno.
 */
int mw_control_ask(const char *path, const char *line, struct mw_buf *body, struct mw_error *err);

/** Likewise, when the answer may take up to @p patience_ns. */
int mw_control_ask_patiently(const char *path, const char *line, int64_t patience_ns,
                             struct mw_buf *body, struct mw_error *err);

#endif

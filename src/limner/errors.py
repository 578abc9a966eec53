"""The one exception that is addressed to the person at the keyboard."""


class UserError(ValueError):
    """Something the user can put right: a missing folder, an unknown name, a caption that is not text.

    The message is one line that names what is wrong and what to do about it. The command line prints that line and
    exits with code 2; it never shows a traceback for it. From Python it is an ordinary `ValueError`.
    """

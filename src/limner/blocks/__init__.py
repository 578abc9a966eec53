"""Parts that papers merely use, one idea a file. What a paper claims stays in its own file, in `systems`."""

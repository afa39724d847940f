// The command line's entry point; filled in by the command line's own change.
export {}

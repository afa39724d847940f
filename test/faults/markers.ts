// Paths that never exist: asking for them marks, in strace's output, where an operation begins and ends.

export const BEGIN = '/.temp-file-manager-operation-begins'
export const END = '/.temp-file-manager-operation-ends'

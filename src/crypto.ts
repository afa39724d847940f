// node:crypto, loaded when first needed. Promise: importing the package does not pay for it: that millisecond is a
// tenth of the whole import, and the first session wants it anyway.

export function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto')
}

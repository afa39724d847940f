// The end of a response that could not be written. Guarantee: it ends, with an error answer where that can still be sent,
// and nothing is thrown.

import { toProblem } from './problem.ts'
import type { NodeResponse } from './send-options.ts'

export function endAfterFailure(res: NodeResponse, error: unknown): void {
  if (res.writableEnded) return
  if (res.headersSent) return void res.destroy()
  try {
    const { status, headers, body } = toProblem(error)
    for (const name of res.getHeaderNames()) res.removeHeader(name)
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
    res.statusCode = status
    res.end(String(body))
  } catch {
    res.destroy()
  }
}

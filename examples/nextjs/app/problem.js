import { toProblem } from 'temp-file-manager/http'

/** Runs a route handler; what it throws becomes a problem response (RFC 9457). */
export async function answering(handler) {
  try {
    return await handler()
  } catch (error) {
    const { status, headers, body } = toProblem(error)
    if (status >= 500) console.error(error)
    return new Response(JSON.stringify(body), { status, headers })
  }
}

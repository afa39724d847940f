// Ends requests that bring nothing. Guarantee: no byte within the timeout aborts the signal; end() leaves no timer.

import type { PartialUpload } from '../index.ts'

const IDLE_LOOK_MS = 1000

/** Ends a request that brings nothing: against clients that hold uploads open on purpose, and half-open connections. */
export class IdleWatch {
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(upload: PartialUpload, timeoutMs: number) {
    let [offset, since] = [upload.offset, performance.now()]
    this.#timer = setInterval(
      () => {
        if (upload.offset !== offset) [offset, since] = [upload.offset, performance.now()]
        else if (performance.now() - since >= timeoutMs)
          this.#controller.abort(new DOMException('The client sent nothing.', 'TimeoutError'))
      },
      Math.min(IDLE_LOOK_MS, timeoutMs),
    ).unref()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  end(): void {
    clearInterval(this.#timer)
  }
}

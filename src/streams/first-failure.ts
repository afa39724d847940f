// The first of several failures that can come at any time. Guarantee: the first one is the one thrown, also when another
// fails after it as a consequence.

/** Collects failures from callbacks and from one asynchronous run. */
export class FirstFailure {
  #failure: { readonly error: unknown } | undefined
  #reject: ((error: unknown) => void) | undefined

  /** Whether anything has failed. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Records a failure; only the first one counts. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#reject?.(this.#failure.error)
  }

  /** @throws the first failure, if there is one */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Runs until `run` ends or anything fails, whichever is first. */
  race(run: () => Promise<void>): Promise<void> {
    this.check()
    return new Promise((resolve, reject) => {
      this.#reject = reject
      run().then(resolve, (error: unknown) => this.fail(error))
    })
  }
}

// The first of several failures of one piece of work. Guarantee: it ends the work at once; later ones are ignored.

export class FirstFailure {
  #failure: { readonly error: unknown } | undefined
  #reject: (error: unknown) => void = () => {}

  /** Ends the work that runs, or the one that would run next. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#reject(error)
  }

  /** Runs the work until it ends, or until anything fails. @throws (rejects) the first failure */
  async race(run: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    await new Promise<void>((resolve, reject) => {
      this.#reject = reject
      run().then(resolve, (error: unknown) => this.fail(error))
    })
  }
}

// A promise for work that calls other code at once, for example an abort's listeners. Guarantee: `store` receives the promise
// before the work starts, so that what the other code calls already finds it.

/** Stores the promise of `work`, then starts `work`. */
export function announced<T>(store: (promise: Promise<T>) => void, work: () => Promise<T>): Promise<T> {
  let follow: (started: Promise<T>) => void = () => {}
  const promise = new Promise<T>((resolve) => {
    follow = resolve
  })
  store(promise)
  follow(work())
  return promise
}

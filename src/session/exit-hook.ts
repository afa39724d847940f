// The package has one `exit` listener in a process, however many managers and copies of the package there are.
// Guarantee: every open manager's task runs at exit, one failure never stops the rest, and the last manager that
// closes removes the listeners.

import { messageOf } from '../errors.ts'
import { afterExitListeners, isExiting } from '../runtime/node-internals.ts'
import { log, noteExit } from '../runtime/observe.ts'
import { listenToSignals } from './exit-signals.ts'

/** A manager's work when the process ends. Runs synchronously, at most once. */
export interface ExitTask {
  /** Run it for SIGINT, SIGTERM and SIGHUP also, by the rules of `exit-signals.ts`. */
  readonly signals: boolean
  run(): void
}

interface Registry {
  add(task: ExitTask): void
  delete(task: ExitTask): void
}

// The key carries the protocol's version: copies that agree on {@link Registry} share one listener.
const KEY = Symbol.for('temp-file-manager.exit.v1')

function createRegistry(): Registry {
  const tasks = new Set<ExitTask>()
  let stopSignals: (() => void) | undefined

  const runAll = (): void => {
    noteExit()
    for (const task of tasks) {
      tasks.delete(task)
      try {
        task.run()
      } catch (error) {
        log.session('cleanup at exit failed: %s', messageOf(error))
      }
    }
  }
  // An `exit` listener that throws ends the emission before this package's is called. The monitor is still called for it,
  // but not in a process that already dies of an exception.
  const onThrow = (): void => {
    if (isExiting()) runAll()
    else if (isFatal()) afterExitListeners(runAll)
  }
  const wantSignals = (): void => {
    const wanted = [...tasks].some((task) => task.signals)
    if (wanted) stopSignals ??= listenToSignals(runAll)
    else {
      stopSignals?.()
      stopSignals = undefined
    }
  }
  return {
    add(task) {
      if (tasks.size === 0) process.on('exit', runAll).on('uncaughtExceptionMonitor', onThrow)
      tasks.add(task)
      wantSignals()
    },
    delete(task) {
      if (!tasks.delete(task)) return
      if (tasks.size === 0) process.off('exit', runAll).off('uncaughtExceptionMonitor', onThrow)
      wantSignals()
    },
  }
}

/** Whether nothing in the process handles an exception that reached the event loop. */
function isFatal(): boolean {
  const captured = process.hasUncaughtExceptionCaptureCallback?.() === true // Deno has no such function
  return !captured && process.listenerCount('uncaughtException') === 0
}

/** The process's registry; a worker thread has its own `globalThis`, so its own registry. */
export function exitRegistry(): Registry {
  const holder = globalThis as { [KEY]?: Registry } // this package's slot on the global object
  holder[KEY] ??= createRegistry()
  return holder[KEY]
}

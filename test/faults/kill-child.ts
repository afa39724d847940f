// A process that prepares one operation, carries it out and dies: at a given call, or at its end. Built into one
// file, so that it starts in the time of a bare Node. Arguments: the operation's name, its ground as JSON, then
//   count              carry it out, print its calls as JSON
//   kill <n> <when>    SIGKILL just before or just after the n-th call
//   wait               print 'ready', wait for a line, carry it out between two calls that strace can see

import fs, { accessSync, readSync, writeSync } from 'node:fs'
import { BEGIN, END } from './markers.ts'
import { OPERATIONS } from './operations.ts'
import type { Ground } from './preparing.ts'
import { install, type SeamCall, watch } from './seam.ts'

async function main(): Promise<void> {
  const [, , name, groundText = '', mode, at, when] = process.argv
  const operation = OPERATIONS.find((one) => one.name === name)
  if (operation === undefined) throw new Error(`No operation is called ${name}.`)
  const ground: Ground = JSON.parse(groundText)
  const calls: SeamCall[] = []
  let counting = false
  let next = -1
  const dieAt = mode === 'kill' ? Number(at) : Number.POSITIVE_INFINITY
  if (mode !== 'wait') {
    install()
    const watcher = {
      before(call: SeamCall): void {
        if (!counting) return
        calls.push(call)
        next++
        if (next === dieAt && when === 'before') die()
      },
      after(call: SeamCall): void {
        if (counting && when === 'after' && calls.indexOf(call) === dieAt) die()
      },
    }
    watch(ground.base, watcher)
    watch(ground.far, watcher)
  }
  const { act } = await operation.prepare(ground)
  if (mode === 'wait') {
    writeSync(1, 'ready\n')
    readSync(0, Buffer.alloc(10))
    mark(BEGIN)
  }
  counting = true
  await act()
  counting = false
  if (mode === 'wait') mark(END)
  if (mode === 'count') fs.writeSync(1, JSON.stringify(calls))
  die() // without its exit hook: what it would clean up is for the sweep
}

function mark(path: string): void {
  try {
    accessSync(path)
  } catch {
    // It never exists; strace sees that it was asked for.
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL')
}

void main()

import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { tempBase, tempManager } from '../../fixtures/temp-base.ts'
import { asOrdinaryUser, COMMAND, capture, run } from '../command-line.ts'

interface Diagnosis {
  readonly healthy: boolean
  readonly checks: readonly Finding[]
}

async function diagnose(
  args: readonly string[],
  env = {},
): Promise<{ status: number | null; diagnosis: Diagnosis }> {
  const { status, stdout } = await run(['doctor', '--json', ...args], env)
  return { status, diagnosis: JSON.parse(stdout) as Diagnosis }
}

function finding({ diagnosis }: { diagnosis: Diagnosis }, check: string): Finding | undefined {
  return diagnosis.checks.find((found) => found.check === check)
}

describe('doctor', () => {
  test('doctor passes a good base directory, and leaves nothing in it', async () => {
    const base = tempBase()
    const found = await diagnose(['--base-dir', base])
    expect(finding(found, 'base directory')?.status).toBe('ok')
    expect(finding(found, 'lease')).toMatchObject({
      status: 'ok',
      found: 'a held one answers, a released one refuses',
    })
    expect(finding(found, 'process evidence')?.status).toBe('ok')
    expect(readdirSync(base)).toEqual([])
  })

  test('doctor does not create a missing base directory', async () => {
    const base = tempBase()
    const found = await diagnose(['--base-dir', join(base, 'later')])
    expect(finding(found, 'base directory')?.status).toBe('note')
    expect(finding(found, 'lease')?.status).toBe('note')
    expect(readdirSync(base)).toEqual([])
  })

  test('a base directory in one that cannot be written is a problem', async () => {
    const base = tempBase()
    const later = join(base, 'later')
    const user = asOrdinaryUser(base)
    chmodSync(base, 0o500)
    const { status, stdout } = await capture(
      [...user, ...COMMAND, 'doctor', '--json', '--base-dir', later],
      {},
    )
    expect(status).toBe(1)
    expect(finding({ diagnosis: JSON.parse(stdout) as Diagnosis }, 'base directory')).toMatchObject({
      status: 'problem',
      found: `${base} cannot be written to (EACCES), so ${later} cannot be created`,
    })
  })

  test('a world-writable base directory without the sticky bit is a problem, and chmod +t the advice', async () => {
    const base = tempBase()
    chmodSync(base, 0o777)
    const found = await diagnose(['--base-dir', base])
    expect(found.status).toBe(1)
    expect(found.diagnosis.healthy).toBe(false)
    expect(finding(found, 'base directory')).toMatchObject({ status: 'problem' })
    expect(finding(found, 'base directory')?.advice).toContain('chmod +t')
  })

  test('doctor reports an open root, a file as base directory, a deep path and a forgotten keep', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    chmodSync(manager.root, 0o755)
    expect(finding(await diagnose(['--root', manager.root]), 'root')).toMatchObject({ status: 'warning' })

    const base = tempBase()
    writeFileSync(join(base, 'file'), '')
    const onFile = await diagnose(['--base-dir', join(base, 'file')])
    expect(finding(onFile, 'base directory')).toMatchObject({ status: 'problem' })

    const deep = join(base, ...Array.from({ length: 12 }, () => 'a-rather-long-name'))
    mkdirSync(deep, { recursive: true })
    const found = await diagnose(['--base-dir', deep], { TEMP_FILE_MANAGER_PRESERVE: '1' })
    expect(finding(found, 'path lengths')?.found).toContain('/proc/self/fd')
    expect(finding(found, 'lease')?.status).toBe('ok')
    expect(finding(found, 'environment')?.status).toBe('warning')
  })

  test('doctor shows an owner that nothing can be proven of, with the way to remove it', async () => {
    const manager = tempManager({ name: 'cli' })
    manager.file()
    mkdirSync(join(manager.root, 'sessions', 's-1-unknown'))
    expect(finding(await diagnose(['--root', manager.root]), 'contents')?.advice).toContain(
      '--remove-unknown-after',
    )
  })
})

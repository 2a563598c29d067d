import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A path in a folder of its own, which is removed when the test has ended. */
export function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-storage-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'auth.db')
}

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A folder for a configuration and its files, removed when the test ends. */
export function configurationFolder(): {
  path: string
  write(name: string, content: string | object, mode?: number): string
} {
  const path = mkdtempSync(join(tmpdir(), 'countersign-config-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return {
    path,
    write(name, content, mode = 0o600) {
      const file = join(path, name)
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
      chmodSync(file, mode)
      return file
    },
  }
}

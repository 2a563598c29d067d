import { execFileSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A separate disk that fills up quickly. */
export interface SmallDisk {
  folder: string
  /** Writes a file until no more data fits. */
  fill(): void
  /** Deletes that file. */
  free(): void
}

/**
 * Mounts a `tmpfs` for one test.
 *
 * @param owner the numeric ID of the user whose programs use it
 */
export function mountSmallDisk(megabytes: number, owner: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-disk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,uid=${owner},mode=700`, 'tmpfs', folder])
  const unmount = () => {
    process.off('exit', unmount)
    execFileSync('umount', ['--lazy', folder])
    rmSync(folder, { recursive: true })
  }
  process.once('exit', unmount)
  onTestFinished(unmount)
  const file = join(folder, 'filler')
  return {
    folder,
    fill() {
      const filler = openSync(file, 'a')
      try {
        for (let size = 65_536; size > 0; size = size === 1 ? 0 : Math.floor(size / 2))
          writeAll(filler, Buffer.alloc(size))
      } finally {
        closeSync(filler)
      }
    },
    free: () => rmSync(file),
  }
}

/** Writes the same bytes repeatedly, until they no longer fit. */
function writeAll(file: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(file, bytes)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}

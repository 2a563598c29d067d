import { readdirSync, readFileSync } from 'node:fs'

/** The child processes of a process. */
export function childrenOf(parent) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statOf(name)?.[1] === String(parent))
    .map(Number)
}

/**
 * CPU time of a process, in microseconds; with `ended`, including its children that have exited. Linux counts in hundredths of a second.
 */
export function cpuOf(pid, { ended } = { ended: false }) {
  const times = statOf(pid)?.slice(11, ended ? 15 : 13) ?? []
  return times.reduce((sum, ticks) => sum + Number(ticks) * 10_000, 0)
}

/** The fields of `/proc/…/stat` from the state field on; undefined if the process has exited. */
function statOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') return undefined
    throw error
  }
}

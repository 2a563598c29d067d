import { readdirSync, readFileSync } from 'node:fs'

/** The processes that another one has started. */
export function childrenOf(parent) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statOf(name)?.[1] === String(parent))
    .map(Number)
}

/** Microseconds of CPU of one process, or with `ended` also of its own that have ended. Linux counts in hundredths of a second. */
export function cpuOf(pid, { ended } = { ended: false }) {
  const times = statOf(pid)?.slice(11, ended ? 15 : 13) ?? []
  return times.reduce((sum, ticks) => sum + Number(ticks) * 10_000, 0)
}

/** The fields of `/proc/…/stat` from the state on; undefined when the process has ended. */
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

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Time limit of a program, in seconds, unless specified otherwise. It detects hangs: a slow machine takes several times as long. */
const usualLimit = 120

/** Every process that was started and may still be running. */
const running = new Set()

/** Kills all remaining processes, by their ids. */
export function endAll() {
  for (const child of running) child.kill('SIGKILL')
}

/** The environment without the variables that indicate a graphical session, in which pages would open. */
function quietEnvironment(own) {
  const { DISPLAY: _d, WAYLAND_DISPLAY: _w, SSH_CONNECTION: _c, SSH_TTY: _t, ...inherited } = process.env
  return { ...inherited, NO_COLOR: '1', NODE_NO_WARNINGS: '1', ...own }
}

/**
 * Starts a program without a terminal, which is killed after `limit` seconds at the latest; `input` is all that it can read.
 *
 * @returns its output, `seen(pattern)`, `say(text)` for its input, and `ended`
 */
export function start(command, args, { cwd, env = {}, input, limit = usualLimit }) {
  const child = spawn(command, args, { cwd, env: quietEnvironment(env) })
  running.add(child)
  const late = setTimeout(() => child.kill('SIGKILL'), limit * 1000)
  const program = { stdout: '', stderr: '' }
  const watchers = new Set()
  for (const stream of ['stdout', 'stderr'])
    child[stream].setEncoding('utf8').on('data', (text) => {
      program[stream] += text
      for (const watch of watchers) watch()
    })
  child.stdin.on('error', () => undefined)
  if (input !== undefined) child.stdin.end(input)
  const ended = once(child, 'close').then(([status, signal]) => {
    clearTimeout(late)
    running.delete(child)
    return { status: status ?? signal, stdout: program.stdout, stderr: program.stderr }
  })

  /** The first match in its output. */
  function seen(pattern) {
    return new Promise((resolve, reject) => {
      const watch = () => {
        const match = pattern.exec(program.stdout) ?? pattern.exec(program.stderr)
        if (match) resolve(match)
        return match
      }
      watchers.add(watch)
      watch()
      void ended.then(
        () => watch() ?? reject(new Error(`exited without printing ${pattern}: ${program.stdout}${program.stderr}`)),
      )
    })
  }
  return {
    ended,
    seen,
    say: (text) => child.stdin.write(text),
    async stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** Starts a program in a terminal: its terminal output is in `stdout`, and its redirected output is in `printed`. */
export function startAtTerminal(command, args, { cwd, env = {} }) {
  const printed = join(cwd, 'printed.txt')
  rmSync(printed, { force: true })
  const line = [command, ...args].map((word) => `'${word}'`).join(' ')
  const program = start('script', ['-qefc', `${line} >'${printed}'`, '/dev/null'], { cwd, env })
  const ended = program.ended.then((end) => ({ ...end, printed: readFileSync(printed, 'utf8') }))
  return { ...program, ended }
}

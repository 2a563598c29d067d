import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import {
  CreateError,
  type ProjectOptions,
  requireNewFolder,
  requireTemplate,
  type TemplateName,
  templates,
  writeProject,
} from './create-project.js'

const usage = `Usage: npm create countersign [NAME] [-- --template TEMPLATE]

Creates a project in the folder NAME, installs its dependencies, and runs it
once in memory. Prompts for whatever you leave out.

  --template TEMPLATE  one of
${Object.entries(templates)
  .map(([name, { title }]) => `                         ${name.padEnd(7)} ${title}`)
  .join('\n')}
  --packages FOLDER    take Countersign from the tarballs in this folder
  --no-install         only write the files
  --help               print this
`

const say = (text: string) => process.stdout.write(text)

/** Returns a message unchanged for programs, or for a terminal, wrapped at 80 columns. Longer words are not broken. */
const wrapFor = ({ isTTY }: NodeJS.WriteStream, message: string) =>
  isTTY ? message.replace(/(?=.{81})(.{1,80}) /g, '$1\n') : message

/** Exit status of a command that Ctrl-C has stopped. */
const interrupted = 130

/** Thrown with what remains when the user presses Ctrl-C, or closes the input. */
class Interruption extends Error {}

const nothing = 'Stopped. Nothing was created.'

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        template: { type: 'string' },
        packages: { type: 'string' },
        'no-install': { type: 'boolean' },
      },
    })
  } catch (error) {
    throw new CreateError(`${(error as Error).message}\n\n${usage}`)
  }
}

/** The user at the terminal. */
function openQuestions() {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // Keeps lines that are typed ahead.
  const lines = terminal[Symbol.asyncIterator]()

  /** Asks until the answer is valid. */
  async function ask<T>(question: string, read: (answer: string) => T): Promise<T> {
    for (;;) {
      terminal.setPrompt(question)
      terminal.prompt()
      const line = await lines.next()
      if (line.done) throw new Interruption(nothing)
      try {
        return read(line.value.trim())
      } catch (error) {
        if (!(error instanceof CreateError)) throw error
        say(`${wrapFor(process.stdout, error.message)}\n`)
      }
    }
  }
  return { ask, close: () => terminal.close() }
}

async function readProject(): Promise<ProjectOptions & { isInstalled: boolean }> {
  const { values, positionals } = readArguments()
  const { template: given, packages } = values
  const [name, ...others] = positionals
  if (others.length > 0) throw new CreateError(`A project has one name, not ${positionals.length}.\n\n${usage}`)
  if (!process.stdin.isTTY && (name === undefined || given === undefined))
    throw new CreateError(`Pass a name and --template: without a terminal, there is no one to ask.\n\n${usage}`)
  if (given !== undefined) requireTemplate(given)
  const readName = (answer: string) => requireNewFolder(answer, process.cwd())
  const names = Object.keys(templates) as TemplateName[]
  const questions = openQuestions()
  try {
    const folder = name === undefined ? await questions.ask('Name of the project: ', readName) : readName(name)
    if (given === undefined)
      for (const [index, each] of names.entries()) say(`  ${index + 1}  ${each.padEnd(7)} ${templates[each].title}\n`)
    const template =
      given === undefined
        ? await questions.ask(
            `Template (1 to ${names.length}, or its name): `,
            (answer) => names[Number(answer) - 1] ?? requireTemplate(answer),
          )
        : requireTemplate(given)
    return { folder, template, packages, isInstalled: values['no-install'] !== true }
  } finally {
    questions.close()
  }
}

/** Aborts when this program is asked to stop. */
const stopping = new AbortController()

/** Runs npm in a folder, and stops it when this program is stopped. Resolves to whether npm succeeded. */
async function npm(args: readonly string[], cwd: string, ifStopped: string): Promise<boolean> {
  // A file without extension on Windows is not a program, so a shell finds it there.
  const child = spawn('npm', args, { cwd, stdio: 'inherit', shell: process.platform === 'win32' })
  const stop = () => child.kill()
  stopping.signal.addEventListener('abort', stop)
  if (stopping.signal.aborted) stop()
  // Only then does it no longer write to the folder.
  const [status] = await once(child, 'close')
  stopping.signal.removeEventListener('abort', stop)
  if (stopping.signal.aborted) throw new Interruption(ifStopped)
  return status === 0
}

async function create(): Promise<number> {
  const { isInstalled, ...options } = await readProject()
  const { folder } = options
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort())
  const project = writeProject(options)
  try {
    if (isInstalled) {
      say(`Installing the dependencies of ${basename(folder)} …\n`)
      if (!(await npm(['install', '--no-audit', '--no-fund', '--loglevel=error'], project.folder, nothing)))
        throw new CreateError('npm install failed: see above. Nothing was created.')
    }
    project.finish()
  } finally {
    project.discard()
  }
  say(`\nCreated ${folder}.\n`)
  if (isInstalled && !(await npm(['run', '-s', 'try'], folder, `Stopped. ${folder} is complete.`))) return 1
  say(`\nNext:\n\n  cd ${basename(folder)}\n${isInstalled ? '' : '  npm install\n'}`)
  say('  npm test         the tests, in memory\n  npm start        for real: see README.md\n')
  return 0
}

try {
  if (process.argv.includes('--help')) say(usage)
  else process.exitCode = await create()
} catch (error) {
  if (!(error instanceof Interruption || error instanceof CreateError)) throw error
  const message = wrapFor(process.stderr, error.message)
  process.stderr.write(`${error instanceof Interruption ? '\n' : ''}${message}\n`)
  process.exitCode = error instanceof Interruption ? interrupted : 1
}

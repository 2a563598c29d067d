import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const asModule = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`

/** The output of a program that runs without an installed package. */
export async function runWithout(name: string, program: string, cwd: string): Promise<string> {
  const resolving = `export async function resolve(specifier, context, next) {
    if (specifier !== '${name}') return next(specifier, context)
    throw Object.assign(new Error("Cannot find package '${name}'"), { code: 'ERR_MODULE_NOT_FOUND' })
  }`
  const hiding = asModule(`import { register } from 'node:module'; register(${JSON.stringify(asModule(resolving))})`)
  const args = ['--import', hiding, '--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd })
  return stdout.trim()
}

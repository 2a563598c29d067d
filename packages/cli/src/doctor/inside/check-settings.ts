import { ConfigurationError } from 'countersign/wire'
import { type LoadedConfig, loadConfig, readCertificates, readMasterKey, requireSafeStart } from 'countersign-server'
import { checking, type Finding } from '../finding.js'

/** The settings, where they can be used at all. */
export async function checkSettings(
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<{ findings: Finding[]; config: LoadedConfig | undefined }> {
  const report = checking('settings')
  const loaded = await attempt(loadConfig(file, env))
  if ('problems' in loaded) return { findings: problemsOf('settings', loaded.problems), config: undefined }
  const config = loaded.value
  const odd = config.warnings.map((warning) => report.warning(warning, 'Take it out, or mend its name.'))
  return { findings: odd.length > 0 ? odd : [report.ok(`${config.file} is valid.`)], config }
}

/** What serve refuses to start with: secrets that can be guessed, files that others can read, TLS that checks nothing. */
export async function checkStart(config: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const safe = await attempt(requireSafeStart(config, env))
  const roots = await attempt(readCertificates(config))
  const problems = [safe, roots].flatMap((outcome) => ('problems' in outcome ? outcome.problems : []))
  if (problems.length > 0) return problemsOf('safe start', problems)
  return [
    checking('safe start').ok('Files with secrets are not for everybody, and nothing else keeps serve from starting.'),
  ]
}

/** The key itself is never shown. */
export async function checkMasterKey(config: LoadedConfig): Promise<{ findings: Finding[]; masterKey?: Uint8Array }> {
  const read = await attempt(readMasterKey(config))
  if ('problems' in read) return { findings: problemsOf('master key', read.problems) }
  const { masterKeyFile } = config.settings
  const found = `It can be read, from ${masterKeyFile ?? 'its variable or the configuration'}.`
  return { findings: [checking('master key').ok(found)], masterKey: read.value }
}

type Problems = ConfigurationError['problems']

async function attempt<T>(work: Promise<T>): Promise<{ value: T } | { problems: Problems }> {
  try {
    return { value: await work }
  } catch (error) {
    if (error instanceof ConfigurationError) return { problems: error.problems }
    throw error
  }
}

function problemsOf(check: string, problems: Problems): Finding[] {
  return problems.map(({ setting, problem }) => {
    // The messages say first what is wrong, and after a colon what to do.
    const [what, mend = 'Change the setting.'] = splitOnce(problem)
    return checking(check).problem(`${setting} ${what}.`, mend)
  })
}

function splitOnce(text: string): [string, string?] {
  const at = text.indexOf(': ')
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 2)]
}

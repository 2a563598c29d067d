import type {
  ConsentPage,
  ConsentRedirect,
  FormFields,
  PolicyForbidsPage,
  ProblemPage,
  ReauthenticationPage,
  ReturnToAppPage,
  SignInPage,
  SignUpPage,
} from 'countersign-server/pages'

export const frame = {
  serverName: 'Home Accounts',
  issuerHost: 'auth.home.example',
  serverLogo: '/assets/icon.svg',
  stylesheet: '/assets/pages.css',
  icon: '/assets/icon.svg',
  touchIcon: '/assets/apple-touch-icon.png',
}

/** The page options of a server that offers everything. */
export const equipped = {
  script: '/assets/pages.js',
  footer: {
    help: '/help',
    report: '/report',
    privacy: '/privacy',
    languages: { action: '/language', csrf: 'csrf-1', returnTo: '/account' },
  },
}

export const longHost = `${'a-very-long-label-that-goes-on-'.repeat(2)}x.${'calendarhelper'.repeat(4)}.departments.example`

/** For forms outside a request. */
export const outsideForm: FormFields = { action: '/account/sign-in', csrf: 'csrf-1', returnTo: '/account' }

const form: FormFields = {
  action: '/agent/auth',
  request: { request_token: 'request-token-1', redirect_uri: 'https://calendar-helper.example/callback' },
  csrf: 'csrf-1',
}

/** A valid model, with a test’s changes. */
export function signInModel(changes: Partial<SignInPage> = {}): SignInPage {
  return {
    ...frame,
    form: { ...form, state: 'state-1' },
    agentHost: 'calendar-helper.example',
    resourceHost: 'cal.example',
    ...changes,
  }
}

/** The destination of a valid consent page, with a test’s changes. */
export function redirectModel(changes: Partial<ConsentRedirect> = {}): ConsentRedirect {
  return {
    uri: 'https://calendar-helper.example/callback',
    display: 'calendar-helper.example/callback',
    elsewhere: false,
    loopback: false,
    ...changes,
  }
}

/** A valid model, with a test’s changes. */
export function consentModel(changes: Partial<ConsentPage> = {}): ConsentPage {
  return {
    ...frame,
    form,
    revision: 3,
    user: 'alice@home.example',
    agentHost: 'calendar-helper.example',
    agentName: 'Calendar Helper',
    agent: 'https://calendar-helper.example',
    delegate: 'worker-7@calendar-helper.example',
    agentJkt: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    resource: 'https://cal.example',
    resourceHost: 'cal.example',
    redirect: redirectModel(),
    homepage: 'https://calendar-helper.example/about',
    policyUri: 'https://calendar-helper.example/privacy',
    tosUri: 'https://calendar-helper.example/terms',
    firstTime: true,
    lookAlike: false,
    able: [
      { name: 'calendar.read', description: 'See your events', risk: 'read' },
      { name: 'calendar.write', description: 'Create and change events', risk: 'change' },
    ],
    notRequested: [{ name: 'calendar.delete', description: 'Delete events', risk: 'delete' }],
    elsewhere: [],
    nothingElse: true,
    tokenLifetime: 600,
    durations: { choices: [3600], preset: 3600 },
    accountPath: '/account',
    code: 'K7QX',
    requestedAt: Date.UTC(2026, 0, 15, 14, 22) / 1000,
    now: Date.UTC(2026, 0, 15, 14, 22, 40) / 1000,
    expiresAt: Date.UTC(2026, 0, 15, 14, 32) / 1000,
    ...changes,
  }
}

/** A valid model, with a test’s changes. */
export function problemModel(code: ProblemPage['code'], changes: Partial<ProblemPage> = {}): ProblemPage {
  return { ...frame, code, agentHost: 'calendar-helper.example', requestId: 'req_7f3a9c21', ...changes }
}

/** A valid model, with a test’s changes. */
export function policyForbidsModel(changes: Partial<PolicyForbidsPage> = {}): PolicyForbidsPage {
  return {
    ...frame,
    form,
    revision: 3,
    user: 'alice@home.example',
    agentHost: 'calendar-helper.example',
    resourceHost: 'cal.example',
    next: 'calendar-helper.example/callback',
    contact: { name: 'the IT desk', href: 'mailto:desk@home.example' },
    ...changes,
  }
}

/** A valid model, with a test’s changes. */
export function returnToAppModel(changes: Partial<ReturnToAppPage> = {}): ReturnToAppPage {
  return {
    ...frame,
    outcome: 'allowed',
    agentHost: 'calendar-helper.example',
    href: 'example.calendar-helper:/callback?code=code-1&state=state-1',
    ...changes,
  }
}

/** A valid model, with a test’s changes. */
export function signUpModel(changes: Partial<SignUpPage> = {}): SignUpPage {
  return {
    ...frame,
    ...equipped,
    form: outsideForm,
    passwordMinimum: 10,
    signInHref: '/account/sign-in',
    ...changes,
  }
}

/** A valid model, with a test’s changes. */
export function reauthenticationModel(changes: Partial<ReauthenticationPage> = {}): ReauthenticationPage {
  return {
    ...frame,
    ...equipped,
    form: { action: '/account/confirm', csrf: 'csrf-1', returnTo: '/account/security' },
    user: 'alice@home.example',
    cancelHref: '/account',
    ...changes,
  }
}

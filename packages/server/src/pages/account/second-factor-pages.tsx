import { encode } from 'uqr'
import { CodeField, Hidden, HiddenFields, ProblemBox } from '../components/forms.js'
import { en } from '../messages/en/en.js'
import type { Messages } from '../messages/messages.js'
import type { AccountFrame } from '../models/account-models.js'
import { accountPaths } from '../models/account-paths.js'
import type { RecoveryCodesPage, SetUpFactorPage } from '../models/second-factor-models.js'
import { formOf, renderAccountLayout, renderConfirmation } from './account-layout.js'

/**
 * Renders the page on which an authenticator app gets its secret, `data-state="set-up-factor"`.
 *
 * @returns A complete HTML document.
 */
export function renderSetUpFactor(model: SetUpFactorPage, messages: Messages = en): string {
  const { secondFactor } = messages
  const { problem, returnTo } = model
  const heading = model.replaces ? secondFactor.replace : secondFactor.setUp
  return renderAccountLayout({
    frame: model,
    messages,
    title: heading,
    state: 'set-up-factor',
    section: 'security',
    inside: true,
    errorCode: problem,
    children: (
      <>
        <h1>{heading}</h1>
        <p class="lead">
          {messages.sentences(
            model.replaces ? secondFactor.replaceEffect : secondFactor.lead,
            model.mustSetUp && secondFactor.required(<bdi>{model.serverName}</bdi>),
          )}
        </p>
        {problem && <ProblemBox>{messages.passwordProblems[problem]}</ProblemBox>}
        <p>{secondFactor.scan}</p>
        <QrCode text={model.uri} label={secondFactor.qrCode} />
        <p class="small">
          {secondFactor.typeKey(<code dir="ltr">{model.secret.replaceAll(/(.{4})(?=.)/g, '$1 ')}</code>)}
        </p>
        <p class="small">
          <a href={model.uri}>{secondFactor.openApp}</a>
        </p>
        <form class="fields" method="post" action={accountPaths.actions}>
          <Hidden name="action" value="set-up-factor" />
          <HiddenFields form={{ ...formOf(model), returnTo }} />
          <Hidden name="secret" value={model.sealed} />
          <p>{secondFactor.enterShown}</p>
          <CodeField messages={messages} numeric described={problem !== undefined} invalid={problem !== undefined} />
          <button class="button" type="submit">
            {secondFactor.turnOn}
          </button>
        </form>
        {!model.mustSetUp && (
          <p class="apart">
            <a class="quietly" href={returnTo}>
              {messages.cancel}
            </a>
          </p>
        )}
      </>
    ),
  })
}

/** Modules around a QR code that must stay empty. */
const quietZone = 4

/** A QR code as an image in the page, which needs no script and no other request. Black on white in both themes, so that apps can read it. */
function QrCode({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { ecc: 'M', border: quietZone })
  // One line through each row of dark modules.
  const path = data
    .map((row, y) =>
      runsOf(row)
        .map(([x, length]) => `M${x} ${y}.5h${length}`)
        .join(''),
    )
    .join('')
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} stroke="#000" />
    </svg>
  )
}

/** Where each run of dark modules in a row begins, and its length. */
function runsOf(row: readonly boolean[]): [x: number, length: number][] {
  const text = row.map((isDark) => (isDark ? '1' : '0')).join('')
  return [...text.matchAll(/1+/g)].map(({ index, 0: run }) => [index, run.length])
}

/**
 * Renders new recovery codes, `data-state="recovery-codes"`.
 *
 * @returns A complete HTML document.
 */
export function renderRecoveryCodes(model: RecoveryCodesPage, messages: Messages = en): string {
  const { secondFactor } = messages
  return renderAccountLayout({
    frame: model,
    messages,
    title: secondFactor.codesHeading,
    state: 'recovery-codes',
    section: 'security',
    inside: true,
    children: (
      <>
        <h1>{secondFactor.codesHeading}</h1>
        <p class="lead">{secondFactor.codesLead}</p>
        <ol class="codes" dir="ltr">
          {model.codes.map((code) => (
            <li>
              <code>{code}</code>
            </li>
          ))}
        </ol>
        <p class="then">
          <a class="button" href={model.returnTo}>
            {secondFactor.codesSaved}
          </a>
        </p>
      </>
    ),
  })
}

/**
 * Renders the confirmation shown before the second factor is turned off, `data-state="remove-factor"`.
 *
 * @returns A complete HTML document.
 */
export function renderRemoveFactor(model: AccountFrame, messages: Messages = en): string {
  const { secondFactor } = messages
  return renderConfirmation({
    frame: model,
    messages,
    title: secondFactor.turnOff,
    section: 'security',
    question: secondFactor.turnOffQuestion,
    effect: secondFactor.turnOffEffect,
    action: 'remove-factor',
    yes: secondFactor.turnOff,
    no: secondFactor.keep,
  })
}

import {
  type Messages,
  renderCodeForm,
  renderConfirmEmail,
  renderForgot,
  renderLinkSent,
  renderNewPassword,
  renderReauthentication,
  renderSecondStep,
  renderSignIn,
  renderSignUp,
} from 'countersign-server/pages'
import { equipped, longHost, outsideForm, reauthenticationModel, signInModel, signUpModel } from './models.js'

const { agentHost: _agent, resourceHost: _resource, ...outside } = signInModel({ ...equipped, form: outsideForm })

/** Every sign-in method that a server can offer. */
export const fullSignIn = {
  ...outside,
  passkey: { options: '/account/passkeys/options' },
  providers: [
    { name: 'Example University', href: '/sign-in/university' },
    { name: 'id.example', href: '/sign-in/id' },
  ],
  signUpHref: '/account/sign-up',
}

const asker = { agentHost: 'calendar-helper.example', resourceHost: 'cal.example' }

const { form: _form, ...codeFrame } = outside

const forgot = {
  ...codeFrame,
  problem: undefined,
  form: { ...outsideForm, action: '/account/forgot' },
  back: '/account/sign-in',
}

const newPassword = {
  ...codeFrame,
  problem: undefined,
  form: { ...outsideForm, action: '/account/new-password' },
  link: 'link-1',
  purpose: 'reset' as const,
  user: 'alice@home.example',
  passwordMinimum: 8,
}

const passkey = { options: '/account/passkeys/challenge' }

const secondStep = { ...equipped, ...codeFrame, problem: undefined, form: outsideForm, passkey }

/** The states of signing in, signing up and signing in again. */
export function signInStates(messages: Messages): [string, string][] {
  return [
    ['sign-in', renderSignIn(signInModel(), messages)],
    ['sign-in-wrong-password', renderSignIn(signInModel({ username: 'alice', problem: 'wrong_password' }), messages)],
    ['sign-in-throttled', renderSignIn(signInModel({ username: 'alice', problem: 'throttled' }), messages)],
    ['sign-in-contact', renderSignIn({ ...outside, contact: { name: 'Ada', href: 'mailto:ada@x.example' } }, messages)],
    [
      'sign-in-long-host',
      renderSignIn(signInModel({ agentHost: longHost, resourceHost: `cal.${longHost}` }), messages),
    ],
    ['sign-in-full', renderSignIn(fullSignIn, messages)],
    ['sign-in-provider-failed', renderSignIn({ ...fullSignIn, problem: 'provider_failed' }, messages)],
    ['sign-in-provider-denied', renderSignIn({ ...fullSignIn, problem: 'provider_denied' }, messages)],
    ['sign-in-provider-expired', renderSignIn({ ...fullSignIn, problem: 'provider_expired' }, messages)],
    ['sign-in-provider-not-fresh', renderSignIn({ ...fullSignIn, problem: 'provider_not_fresh' }, messages)],
    ['sign-in-account-disabled', renderSignIn({ ...fullSignIn, problem: 'account_disabled' }, messages)],
    ['sign-in-again', renderSignIn({ ...fullSignIn, again: 'security' }, messages)],
    ['sign-in-again-for-request', renderSignIn(signInModel({ again: 'request' }), messages)],
    ['sign-in-again-on-demand', renderSignIn(signInModel({ again: 'login' }), messages)],
    ['sign-in-by-link', renderSignIn(signInModel({ ...asker, unverified: true }), messages)],
    [
      'sign-in-by-link-of-unnamed',
      renderSignIn(signInModel({ agentHost: undefined, resourceHost: asker.resourceHost, unverified: true }), messages),
    ],
    [
      'sign-in-by-link-for-any',
      renderSignIn(signInModel({ agentHost: undefined, resourceHost: undefined, unverified: true }), messages),
    ],
    ['sign-in-step-expired', renderSignIn({ ...fullSignIn, problem: 'step_expired' }, messages)],
    ['second-step', renderSecondStep({ ...secondStep, pending: 'sealed' }, messages)],
    ['second-step-wrong-code', renderSecondStep({ ...secondStep, pending: 'sealed', problem: 'wrong_code' }, messages)],
    ['second-step-throttled', renderSecondStep({ ...secondStep, pending: 'sealed', problem: 'throttled' }, messages)],
    ['second-step-passkey', renderSecondStep(secondStep, messages)],
    ['sign-in-by-email', renderSignIn({ ...outside, forgotHref: '/account/forgot' }, messages)],
    ['forgot', renderForgot(forgot, messages)],
    ['forgot-throttled', renderForgot({ ...forgot, problem: 'throttled' }, messages)],
    ['link-sent', renderLinkSent({ ...forgot, contact: { name: 'Ada', href: 'mailto:ada@x.example' } }, messages)],
    ['confirm-email', renderConfirmEmail({ ...forgot, token: 'token-1', email: `alice@${longHost}` }, messages)],
    ['new-password', renderNewPassword(newPassword, messages)],
    ['new-password-common', renderNewPassword({ ...newPassword, problem: 'new_password_common' }, messages)],
    ['invitation', renderNewPassword({ ...newPassword, purpose: 'invite' }, messages)],
    [
      'invitation-passkey',
      renderNewPassword(
        { ...newPassword, ...equipped, purpose: 'invite', addsPasskey: true, problem: 'passkey_failed' },
        messages,
      ),
    ],
    ['enter-code', renderCodeForm({ ...equipped, ...codeFrame, form: { action: '/person/interact' } }, messages)],
    [
      'enter-code-wrong',
      renderCodeForm(
        { ...equipped, ...codeFrame, form: { action: '/person/interact', problem: 'wrong_code' } },
        messages,
      ),
    ],
    ['sign-up', renderSignUp(signUpModel(), messages)],
    [
      'sign-up-taken',
      renderSignUp(signUpModel({ username: 'alice', email: 'a@b.example', problem: 'username_taken' }), messages),
    ],
    ['sign-up-too-short', renderSignUp(signUpModel({ username: 'alice', problem: 'password_too_short' }), messages)],
    ['sign-up-throttled', renderSignUp(signUpModel({ username: 'alice', problem: 'throttled' }), messages)],
    ['sign-up-for-agent', renderSignUp({ ...signUpModel(), ...asker }, messages)],
    ['sign-up-by-link', renderSignUp({ ...signUpModel(), ...asker, unverified: true }, messages)],
    ['reauthentication', renderReauthentication(reauthenticationModel(), messages)],
    [
      'reauthentication-wrong-password',
      renderReauthentication(reauthenticationModel({ problem: 'wrong_password' }), messages),
    ],
    ['reauthentication-code', renderReauthentication(reauthenticationModel({ askCode: true }), messages)],
    [
      'reauthentication-wrong-code',
      renderReauthentication(reauthenticationModel({ askCode: true, problem: 'wrong_code' }), messages),
    ],
    [
      'reauthentication-passkey',
      renderReauthentication(reauthenticationModel({ passkey, problem: 'passkey_failed' }), messages),
    ],
    ['reauthentication-throttled', renderReauthentication(reauthenticationModel({ problem: 'throttled' }), messages)],
  ]
}

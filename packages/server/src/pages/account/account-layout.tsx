import type { ComponentChildren } from 'preact'
import type { AccountFrame } from '../account-models.js'
import { accountPaths } from '../account-paths.js'
import { renderLayout } from '../layout.js'
import type { Messages } from '../messages/messages.js'
import type { FormFields } from '../models.js'
import { SignedInAs } from '../signed-in-as.js'

/** The parts of an account that the navigation leads to. */
type AccountSection = 'agents' | 'activity' | 'security' | 'yours'

const sections: readonly AccountSection[] = ['agents', 'activity', 'security', 'yours']

interface AccountLayout {
  frame: AccountFrame
  messages: Messages
  title: string
  state: string
  section: AccountSection
  /** The page lies below that part of the account, and is not it. */
  inside?: boolean
  /** Whether an agent can be reported from here. */
  reports?: boolean
  errorCode?: string | undefined
  children: ComponentChildren
}

/** Renders a page of somebody's own account, with the way to its other parts and the way out. */
export function renderAccountLayout(layout: AccountLayout): string {
  const { frame, messages, section } = layout
  return renderLayout({
    frame,
    messages,
    title: layout.errorCode ? messages.errorTitle(layout.title) : layout.title,
    state: layout.state,
    stylesheet: frame.accountStylesheet,
    errorCode: layout.errorCode,
    reports: layout.reports,
    account: <SignedInAs user={frame.user} form={formOf(frame)} messages={messages} leave={messages.account.signOut} />,
    navigation: (
      <nav aria-label={messages.account.navigation}>
        <ul class="tabs">
          {sections.map((name) => (
            <li>
              <a
                href={accountPaths[name]}
                aria-current={name === section ? (layout.inside ? 'true' : 'page') : undefined}
              >
                {messages.account.sections[name]}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    ),
    children: layout.children,
  })
}

/** What every form of an account posts. */
export function formOf(frame: AccountFrame): FormFields {
  return { action: accountPaths.actions, csrf: frame.csrf }
}

import { ProblemBox, TextField } from './components/forms.js'
import { renderLayout } from './components/layout.js'
import { en } from './messages/en/en.js'
import type { Messages } from './messages/messages.js'
import type { PageFrame } from './models/models.js'
import type { CodeForm } from './models/request-blocks.js'

/**
 * Renders the page on which a user who came without a link enters the code that the agent shows, `data-state="enter-code"`.
 *
 * @returns A complete HTML document.
 */
export function renderCodeForm({ form, ...frame }: PageFrame & { form: CodeForm }, messages: Messages = en): string {
  const { blocks } = messages
  const isWrong = form.problem !== undefined
  return renderLayout({
    frame,
    messages,
    title: isWrong ? messages.errorTitle(blocks.enterCode) : blocks.enterCode,
    state: 'enter-code',
    errorCode: form.problem,
    children: (
      <>
        <h1>{blocks.enterCode}</h1>
        <p class="lead">{blocks.enterCodeReason}</p>
        {isWrong && <ProblemBox>{blocks.wrongCode}</ProblemBox>}
        <form class="fields" method="get" action={form.action}>
          <TextField name="code" label={blocks.codeLabel} autocomplete="off" described={isWrong} invalid={isWrong} />
          <button class="button" type="submit">
            {messages.goOn}
          </button>
        </form>
      </>
    ),
  })
}

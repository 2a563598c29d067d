import type { enProblems } from '../en/problems.js'
import { phrase } from '../parts/phrase.js'

/** The text of the problem pages, in Japanese. */
export const jaProblems: typeof enProblems = {
  request_unknown: {
    heading: 'このリンクは使えません',
    explanation: () => phrase`リンクが不完全か、古すぎるか、このサーバーが作成したものではありません。`,
    advice: (agent) => phrase`${agent}に戻って、やり直してください。`,
  },
  link_invalid: {
    heading: 'このリンクはもう使えません',
    explanation: () =>
      phrase`期限が切れたか、すでに使われた可能性があります。リンクは、Cookie を受け入れるブラウザで 1 回だけ使えます。`,
    advice: () => phrase`まだ必要な場合は、新しいリンクを依頼してください。`,
  },
  request_expired: {
    heading: 'このリクエストは終了しました',
    explanation: () =>
      phrase`リクエストに回答できる時間は限られています。このリクエストは、回答される前に終了しました。`,
    advice: (agent) => phrase`まだ必要な場合は、${agent}に戻ってもう一度お試しください。`,
  },
  request_used: {
    heading: 'このリクエストは受け付けを終了しました',
    explanation: () => phrase`すでに回答されたか、取り下げられました。リクエストに回答できるのは 1 回だけです。`,
    advice: (agent) => phrase`まだ必要なことがある場合は、${agent}に戻ってやり直してください。`,
  },
  request_allowed: {
    heading: 'このリクエストは許可されました',
    explanation: () => phrase`回答はすでに受け取っています。リクエストに回答できるのは 1 回だけです。`,
    advice: (agent) =>
      phrase`このページは閉じてかまいません。${agent}がまだ待機している場合は、そこからやり直してください。`,
    retry: '「マイエージェント」へ',
  },
  request_denied: {
    heading: 'このリクエストは許可されませんでした',
    explanation: () => phrase`回答は済んでおり、アクセスは許可されませんでした。`,
    advice: (agent) => phrase`このページは閉じてかまいません。考えが変わった場合は、${agent}からやり直してください。`,
  },
  request_other_session: {
    heading: '始めたブラウザで続けてください',
    explanation: () =>
      phrase`このリクエストに回答できるのは、最初に開いたブラウザだけです（そのブラウザに Cookie が残っている間に限ります）。`,
    advice: () =>
      phrase`そのブラウザで続けるか、エージェントからやり直してください。誰かからこのリンクが送られてきた場合は、このページを閉じてください。`,
  },
  request_other_user: {
    heading: '回答できるのは別のユーザーだけです',
    explanation: () =>
      phrase`このリクエストを送信したエージェントは 1 人のためだけに操作しますが、あなたは別のアカウントでログインしています。リクエストは、その人のために受け付けを続けます。`,
    advice: () =>
      phrase`あなたのエージェントの場合は、そのエージェントで使っているアカウントに切り替えてください。誰かからこのリンクが送られてきた場合は、このページを閉じてください。`,
  },
  request_agent_bound: {
    heading: 'このエージェントは別のユーザーの代理です',
    explanation: () =>
      phrase`あなたより先に別の人がこのエージェントに許可を与えており、操作できるのは 1 人のためだけです。あなたの回答で、アクセス権は与えられていません。`,
    advice: () =>
      phrase`以前に別のアカウントで許可した場合は、エージェントからやり直し、そのアカウントでログインしてください。そうでない場合は、あなた専用のエージェントを用意するよう、エージェントの運営者に依頼してください。`,
  },
  request_invalid: {
    heading: 'このリクエストは使えません',
    explanation: (agent) => phrase`${agent}からのリクエストは、使えない内容でした。`,
    advice: (agent) => phrase`${agent}に戻ってください。何が間違っているかは、そちらに伝わります。`,
  },
  request_too_soon: {
    heading: 'このリクエストは自動的にお断りしました',
    explanation: (agent) =>
      phrase`あなたは「許可しない」を選びましたが、${agent}から同じリクエストが早すぎる間隔で届きました。`,
    advice: (agent, until) =>
      phrase`次のリクエストは ${until} 以降に受け付けます。考えが変わった場合は、そのときに${agent}からやり直してください。`,
  },
  client_unknown: {
    heading: 'リクエスト元を確認できません',
    explanation: () =>
      phrase`あなたをこのページに移動させたプログラムは、このサーバーに登録されておらず、公開されているはずの情報も使えませんでした。`,
    advice: () =>
      phrase`しばらくしてからもう一度お試しください。解決しない場合は、下の参照番号を添えて、このサーバーの運営者にお問い合わせください。`,
  },
  redirect_mismatch: {
    heading: 'このリンクはリクエストと一致しません',
    explanation: () =>
      phrase`移動先のアドレスがないか、エージェントから伝えられたものと異なります。安全のため、処理を中止しました。`,
    advice: (agent) =>
      phrase`${agent}に戻って、やり直してください。もう一度同じことが起きたら、そのリンクを信用しないでください。`,
  },
  csrf: {
    heading: 'ご本人の操作であることを確認できませんでした',
    explanation: () =>
      phrase`フォームが古すぎるか、ブラウザが Cookie を送信しなかったか、別のサイトがフォームを送信しました。フォームの内容は使われていません。`,
    advice: () => phrase`ページをもう一度開いて、そこで回答してください。`,
    retry: 'ページをもう一度開く',
  },
  account_changed: {
    heading: '別のアカウントでログインしています',
    explanation: () => phrase`回答したページは別のアカウントのものだったため、回答は使われていません。`,
    advice: () => phrase`このアカウントで続けるか、もう一方のアカウントでログインしてください。`,
  },
  sign_in_changed: {
    heading: 'ログインの状態が変わりました',
    explanation: () => phrase`処理の途中で、ログアウトしたか、ログイン方法が変更されました。処理は行われていません。`,
    advice: () =>
      phrase`もう一度お試しください。何も変更していない場合は、アカウントのセキュリティのページを確認してください。`,
    retry: 'もう一度試す',
  },
  bad_form: {
    heading: 'フォームの内容に問題がありました',
    explanation: () => phrase`フォームの一部が欠けているか、想定と異なっていたため、フォームの内容は使われていません。`,
    advice: (agent) => phrase`ページをもう一度開いてください。解決しない場合は、${agent}に戻ってやり直してください。`,
    retry: 'ページをもう一度開く',
  },
  not_found: {
    heading: 'ページが見つかりません',
    explanation: () => phrase`アドレスが間違っているか、ページがなくなった可能性があります。`,
    advice: () => phrase`アドレスを確認するか、元の場所に戻ってください。`,
    retry: '「マイエージェント」へ',
  },
  method_not_allowed: {
    heading: 'このページはこの方法では開けません',
    explanation: () => phrase`想定されていない方法で開かれました。`,
    advice: (agent) => phrase`${agent}に戻って、やり直してください。`,
  },
  policy_forbids: {
    heading: '管理者がこれを許可していません',
    explanation: (agent) => phrase`${agent}が求めた内容は、このサーバーでは許可されていません。`,
    advice: () => phrase`必要な場合は、下の参照番号を添えて、管理者にお問い合わせください。`,
    retry: '戻る',
  },
  too_many_permissions: {
    heading: 'このエージェントの権限が多すぎます',
    explanation: (agent) => phrase`${agent}に、1 つのサービスで 256 件を超える種類の権限を与えることはできません。`,
    advice: () => phrase`「マイエージェント」でアクセス権を削除してから、やり直してください。`,
    retry: '「マイエージェント」へ',
  },
  too_many_requests: {
    heading: '試行回数が多すぎます',
    explanation: () => phrase`短い時間に何度も試行されたため、しばらく受け付けを停止しています。`,
    advice: () => phrase`数分待ってから、もう一度お試しください。`,
  },
  temporarily_unavailable: {
    heading: '申し訳ありません。現在、応答できません',
    explanation: () => phrase`問題はこちら側にあり、あなたの操作が原因ではありません。`,
    advice: () => phrase`少し待ってから、もう一度お試しください。`,
  },
  server_error: {
    heading: '申し訳ありません。こちら側で問題が発生しました',
    explanation: () => phrase`これはこちら側の不具合で、あなたの操作が原因ではありません。`,
    advice: () => phrase`もう一度お試しください。繰り返し起きる場合は、下の参照番号をお知らせください。`,
  },
}

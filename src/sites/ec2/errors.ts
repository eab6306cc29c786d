import { CausewayError, type ErrorCode, type Facts } from '../../base/errors.ts'

/**
 * The API's error codes as ours, first match counts; from "Error codes for the Amazon EC2 API" in its developer guide.
 * Codes with dots are families: `InvalidAMIID.NotFound`.
 */
const codes: readonly (readonly [RegExp, ErrorCode])[] = [
  [/^Insufficient(Instance|Host|ReservedInstance|Address|Volume)?Capacity$/, 'InsufficientCapacity'],
  [
    /^(InsufficientFreeAddressesInSubnet|SpotMaxPriceTooLow|Unsupported|UnfulfillableCapacity)$/,
    'InsufficientCapacity',
  ],
  [/^(InstanceLimitExceeded|VcpuLimitExceeded|MaxSpotInstanceCountExceeded)$/, 'QuotaExceeded'],
  [/^(VolumeLimitExceeded|NetworkInterfaceLimitExceeded|MaxIOPSLimitExceeded|ResourceCountExceeded)$/, 'QuotaExceeded'],
  [/^(RequestLimitExceeded|Throttling(Exception)?|RequestThrottled|EC2ThrottledException|SlowDown)$/, 'RateLimited'],
  [/^InvalidAMIID\./, 'ImageMissing'],
  [/^(AuthFailure|UnauthorizedOperation|ExpiredToken|RequestExpired|Blocked|OptInRequired)/, 'Unauthorized'],
  [/^(InvalidClientTokenId|SignatureDoesNotMatch|IncompleteSignature|MissingAuthenticationToken)$/, 'Unauthorized'],
  [/^(PendingVerification|AccessDenied|UnrecognizedClientException|CredentialsProviderError)/, 'Unauthorized'],
]

/** What an error of the SDK tells beside its message, as far as it does. */
interface SdkError {
  readonly name: string
  readonly message: string
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
  readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> }
}

/** What failed, as the project's error: `facts.ec2` is the API's own code. */
export function ec2Failure(thrown: unknown, at: { readonly site: string; readonly action: string }): CausewayError {
  if (thrown instanceof CausewayError) return thrown
  const error = (thrown instanceof Error ? thrown : new Error(String(thrown))) as SdkError
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode
  const code = codeOf(error, status)
  const facts: Record<string, unknown> = { site: at.site, action: at.action, ec2: error.name }
  if (error.$metadata?.requestId !== undefined) facts['requestId'] = error.$metadata.requestId
  if (code === 'RateLimited') Object.assign(facts, retryAfter(error))
  return new CausewayError(code, `${at.site}: ${at.action}: ${error.name}: ${messageOf(error)}${wayOut(code)}`, {
    cause: thrown,
    facts,
  })
}

/** The API's own code of a failure that `ec2Failure` made; `''` of any other. */
export function ec2Code(error: CausewayError): string {
  return typeof error.facts['ec2'] === 'string' ? error.facts['ec2'] : ''
}

function codeOf({ name }: SdkError, status: number | undefined): ErrorCode {
  const known = codes.find(([form]) => form.test(name))
  if (known) return known[1]
  // No answer at all, or the service's own failure: the act may have happened.
  if (status === undefined || status >= 500) return 'HostUnreachable'
  if (status === 429) return 'RateLimited'
  return status >= 400 ? 'InvalidRequest' : 'MalformedOutput'
}

/** An authorization failure carries a blob of some kilobytes that only the account's owner can decode. */
function messageOf({ message }: SdkError): string {
  return message.replace(/\s*Encoded authorization failure message: .*$/s, '').slice(0, 500)
}

function wayOut(code: ErrorCode): string {
  return code === 'Unauthorized' ? ' (look at the credentials of the site and at the policy in docs/ec2.md)' : ''
}

function retryAfter({ $response }: SdkError): Facts {
  const seconds = Number($response?.headers?.['retry-after'] ?? Number.NaN)
  return seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}
}

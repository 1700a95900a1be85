// GraphQL over HTTP, for the header bar's own requests.

/** The server answered, and refused. `code` is one of the contract's error codes. */
export class GraphQLFailure extends Error {
  constructor(message, code) {
    super(message);
    this.code = code ?? null;
  }
}

/** Run one document and answer its data. Raises GraphQLFailure, or TypeError where no answer came. */
export async function execute(endpoint, query, variables, accessToken = null) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (accessToken) headers.authorization = `Bearer ${accessToken}`;
  const response = await fetch(endpoint, {
    method: "POST",
    headers,
    credentials: "same-origin",
    body: JSON.stringify({ query, variables }),
  });
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new GraphQLFailure(`The server answered ${response.status} without a GraphQL body.`);
  }
  const error = answer.errors?.[0];
  if (error) throw new GraphQLFailure(error.message, error.extensions?.code);
  return answer.data;
}

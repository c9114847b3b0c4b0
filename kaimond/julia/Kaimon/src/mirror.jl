# What agents evaluate, shown to the persons who are at the session.

"The most bytes of each: code, output, value, error."
const MAX_MIRRORED = 8 << 10

"Does the REPL of the person who started this process show it, too?"
const OWN_REPL = Ref(false)

"Show that `request` begins."
function mirror_begin(request::EvalRequest)
    is_mirrored(request) || return nothing
    code = replace(mirrored(to_frame(request.code)), '\n' => "\n       ")
    mirror("agent> $code\n")
end

"Show what came of `request`: the beginning and end of its output, then its value or its error."
function mirror_end(request::EvalRequest, output::Int, fields::Vector{Field})
    is_mirrored(request) || return nothing
    text = mirrored_output(request.spool, output)
    for (name, before) in (("value:text/plain", ""), ("value:text/x-error", "ERROR: "),
                           ("error", "ERROR: "), ("backtrace", ""))
        for field in fields
            field.name == name && !isempty(field.value) &&
                (text *= before * mirrored(field.value) * "\n")
        end
    end
    isempty(text) || mirror(text * "\n")
    return nothing
end

is_mirrored(request::EvalRequest) =
    !request.silent && (!isempty(TERMINALS) || (OWN_REPL[] && repl_backend() !== nothing))

function mirror(text::String)
    foreach(terminal -> notify_person(terminal, text), TERMINALS)
    if OWN_REPL[] && repl_backend() !== nothing
        load_terminal()
        in_terminal(:show_at_own_prompt, text)
    end
    return nothing
end

"""
`bytes` as text for a terminal, cut in the middle if there are many.

Nothing in it may move the cursor or give the terminal orders.
"""
function mirrored(bytes::Frame)
    text = String(cut_middle(copy(bytes), MAX_MIRRORED))
    shown = map(character -> isprint(character) || character in "\n\t" ? character : '�', text)
    return String(rstrip(replace(shown, "�\n" => "\n")))
end

"The output in the file `spool`, `size` bytes, as `mirrored` gives it; with a line end if any."
function mirrored_output(spool::String, size::Int)
    half = MAX_MIRRORED ÷ 2
    try
        text = open(spool) do file
            size <= MAX_MIRRORED && return mirrored(read(file, size))
            head = mirrored(read(file, half))
            seek(file, size - half)
            tail = mirrored(read(file, half))
            "$head\n[... $(size - 2half) bytes left out ...]\n$tail"
        end
        return isempty(text) ? "" : text * "\n"
    catch
        # The daemon has removed it.
        return ""
    end
end

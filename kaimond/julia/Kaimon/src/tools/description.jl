# What the daemon is told of the tools: a flat list of fields, each type in front of its parts.

"Everything that `offer` holds. A tool whose function has become unusable is left out."
function description_fields(offer::Offer)
    fields = Field[Field("revision", string(offer.revision)), Field("namespace", offer.namespace)]
    for tool in offer.tools
        try
            append!(fields, tool_fields(tool))
        catch error
            error isa InterruptException && rethrow()
            note("the tool $(tool.name) cannot be offered: $(error_text(error))")
        end
    end
    return fields
end

function tool_fields(tool::GateTool)
    words = isempty(tool.description) ? docstring(tool.handler) : tool.description
    fields = Field[Field("tool", tool.name), Field("doc", words)]
    for parameter in parameters_of(tool)
        push!(fields, Field("parameter", parameter.name))
        push!(fields, Field("required", parameter.required && !parameter.slurps ? "1" : "0"))
        parameter.slurps && push!(fields, Field("type", "list"))
        append!(fields, type_fields(parameter.type))
    end
    return fields
end

"Those with limits that are worth telling."
const SMALL_INTEGERS = (Int8, UInt8, Int16, UInt16, Int32, UInt32)

function type_fields(@nospecialize(type), depth::Int=0)
    kind = depth >= DEEPEST ? :any : kind_of(type)
    fields = Field[Field("type", String(kind))]
    inner(part) = append!(fields, type_fields(part, depth + 1))
    if kind === :integer && type in SMALL_INTEGERS
        push!(fields, Field("minimum", string(typemin(type))),
              Field("maximum", string(typemax(type))))
    elseif kind === :enum
        append!(fields, Field[Field("choice", string(each)) for each in instances(type)])
    elseif kind === :list || kind === :matrix
        kind === :matrix && push!(fields, Field("type", "list"))
        inner(element_type(type))
        fields[1] = Field("type", "list")
    elseif kind === :tuple || kind === :union
        parts = kind === :tuple ? collect(fieldtypes(type)) : members(type)
        push!(fields, Field("parts", string(length(parts))))
        foreach(inner, parts)
    elseif kind === :map
        inner(key_and_value(type)[2])
    elseif kind === :struct
        optional = optional_fields(type)
        named = fields_of(type)
        push!(fields, Field("name", type <: NamedTuple ? "" : String(nameof(type))))
        push!(fields, Field("parts", string(length(named))))
        for (name, part) in named
            push!(fields, Field("field", String(name)))
            push!(fields, Field("required", name in optional ? "0" : "1"))
            inner(part)
        end
    end
    return fields
end
